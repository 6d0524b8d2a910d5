import Audit
import Mail
package import Modules

/// Creates accounts, each with its personal organisation.
///
/// With `REGISTRATION_REVEALS=false` a registration tells nothing about its address and its user name: it begins no
/// session, and a sign-in requires a verified address, because a sign-in with the password of the registration would
/// tell whether that made the account.
package final class RegistrationService: Sendable {
    private let database: any Database
    private let hasher: PasswordHasher
    private let policy: PasswordPolicy
    private let sessions: SessionService
    private let challenges: ChallengeService
    private let audit: AuditService
    private let mailer: Mailer
    private let settings: IdentitySettings
    private let runtime: Runtime

    /// How often another name is tried for a user name that is taken.
    private static let namesMax = 3
    /// Between two notices to the owner of an address of registrations with it.
    static let noticeInterval: Duration = .days(1)

    init(
        database: any Database, hasher: PasswordHasher, policy: PasswordPolicy, sessions: SessionService,
        challenges: ChallengeService, audit: AuditService, mailer: Mailer, settings: IdentitySettings,
        runtime: Runtime
    ) {
        self.mailer = mailer
        self.settings = settings
        self.database = database
        self.hasher = hasher
        self.policy = policy
        self.sessions = sessions
        self.challenges = challenges
        self.audit = audit
        self.runtime = runtime
    }

    /// Creates an account and begins a session, or where registrations tell nothing about their address, accepts what
    /// an e-mail completes.
    /// - Throws: `validation-failed` for an address, role or password that is not accepted; `account-exists` where
    ///   registrations tell.
    func begin(_ registration: Registration, client: ClientInfo) async throws(Problem) -> RegistrationStep<SignedIn> {
        guard settings.registrationReveals else {
            return .accepted(try await accept(registration, client: client))
        }
        return .signedIn(try await register(registration, client: client))
    }

    /// Creates an account and begins a session.
    /// - Throws: `validation-failed` for an address, role or password that is not accepted; `account-exists`.
    func register(_ registration: Registration, client: ClientInfo) async throws(Problem) -> SignedIn {
        try sessions.tokens.checkClock()
        let person = try await create(
            registration, role: registration.role ?? .user, isEmailVerified: false, client: client)
        return try await sessions.begin(for: person, client: client)
    }

    /// Creates an administrator's account with a verified address: for the command line.
    /// - Throws: `account-exists`, `validation-failed`.
    package func createAdministrator(email: String, password: String) async throws(Problem) -> ID<Person> {
        let registration = Registration(email: email, password: password)
        return try await create(registration, role: .admin, isEmailVerified: true, client: .commandLine).id
    }

    private func create(
        _ registration: Registration, role: Role, isEmailVerified: Bool, client: ClientInfo
    ) async throws(Problem) -> Person {
        let new = try await newPerson(registration, role: role, isEmailVerified: isEmailVerified)
        return try await database.write { [audit, challenges] transaction in
            guard try transaction.insert(new), let person = try transaction.person(new.id) else {
                throw Problem(.accountExists)
            }
            try audit.record(
                AuditEvent("account.created", from: client, actor: new.id.text, organisation: new.organisation.text),
                in: transaction
            )
            if !isEmailVerified { try challenges.send(.verifyEmail, to: person.email, of: person, in: transaction) }
            return person
        }
    }

    // MARK: Without a sign of the address

    /// Creates an account and mails its challenge, or notifies the owner of a known address. The password is hashed in
    /// both cases. What else differs in time is what differs for a request of a new password.
    private func accept(_ registration: Registration, client: ClientInfo) async throws(Problem) -> Acknowledgement {
        let new = try await newPerson(registration, role: registration.role ?? .user, isEmailVerified: false)
        try await database.write { [self] transaction in
            if let owner = try transaction.lockedPerson(withAddress: new.email.key) {
                try notify(owner, of: client, in: transaction)
            } else if let person = try insertUnderFreeName(new, in: transaction) {
                try audit.record(
                    AuditEvent(
                        "account.created", from: client, actor: person.id.text, organisation: new.organisation.text),
                    in: transaction)
                try challenges.send(.verifyEmail, to: person.email, of: person, in: transaction)
            } else if let owner = try transaction.lockedPerson(withAddress: new.email.key) {
                // A concurrent registration of the address was first.
                try notify(owner, of: client, in: transaction)
            }
        }
        return Acknowledgement(message: "Follow the link in the e-mail to this address, then sign in.")
    }

    /// Inserts an account. Where its user name is taken, it gets digits behind it, and at last none: `PUT
    /// /v1/user/profile` changes it.
    /// - Returns: nil where the address is taken.
    private func insertUnderFreeName(_ new: NewPerson, in transaction: Transaction) throws -> Person? {
        var candidate = new
        if try transaction.insert(candidate) { return try transaction.person(new.id) }
        guard let name = new.username else { return nil }
        for _ in 0..<Self.namesMax {
            let number = runtime.randomBytes(2).reduce(0) { $0 << 8 | Int($1) } % 10_000
            // A payload has at most 64 characters.
            candidate.username = "\(name.prefix(59))-\(number)"
            if try transaction.insert(candidate) { return try transaction.person(new.id) }
        }
        candidate.username = nil
        return try transaction.insert(candidate) ? try transaction.person(new.id) : nil
    }

    /// Mails a notice of a registration to the owner of its address, at most once in ``noticeInterval``. An address
    /// that is not verified gets the challenge of a new password, which ends what the first registration left: that may
    /// have been another person's.
    private func notify(_ owner: Person, of client: ClientInfo, in transaction: Transaction) throws {
        if try transaction.noteRegistrationNotice(to: owner.id, interval: Self.noticeInterval) {
            if owner.isEmailVerified {
                try mailer.send(
                    Email(
                        "account-exists", to: owner.email,
                        values: ["name": owner.callingName, "link": settings.frontend]),
                    in: transaction)
            } else if !owner.isSuspended {
                try challenges.send(.resetPassword, to: owner.email, of: owner, in: transaction)
            }
        }
        try audit.record(
            AuditEvent(
                "account.created", outcome: .refused, from: client, subject: owner.id.text,
                details: ["reason": "address known"]),
            in: transaction)
    }

    // MARK: Validation

    /// Validates a registration and hashes its password.
    private func newPerson(_ registration: Registration, role: Role, isEmailVerified: Bool) async throws(Problem)
        -> NewPerson
    {
        let email = try EmailAddress(reading: registration.email, at: "/email")
        let username = try NameRules.username(registration.username, beside: email.key)
        let first = try NameRules.name(registration.firstName, "first_name")
        let last = try NameRules.name(registration.lastName, "last_name")
        let joined = [first, last].compactMap(\.self).joined(separator: " ")
        let fullName = try NameRules.name(registration.fullName, "full_name") ?? (joined.isEmpty ? nil : joined)
        let organisation = try NameRules.name(registration.organization, "organization")
        let phone = try NameRules.line(registration.phone, "phone")
        let studentID = try NameRules.line(registration.studentId, "student_id")
        let employeeID = try NameRules.line(registration.employeeId, "employee_id")
        let personal = [email.text, username, fullName, first, last].compactMap(\.self)
        try policy.check(registration.password, against: personal)
        return NewPerson(
            id: runtime.id(),
            organisation: runtime.id(),
            organisationName: organisation ?? fullName ?? email.text,
            email: email,
            username: username,
            fullName: fullName,
            firstName: first,
            lastName: last,
            phone: phone,
            studentID: studentID,
            employeeID: employeeID,
            role: role,
            passwordHash: try await hasher.hash(registration.password),
            isEmailVerified: isEmailVerified
        )
    }
}

extension Problem.Kind {
    package static let accountExists = Self(
        "account-exists", "An account with this address or user name already exists", status: 409)
}

extension ClientInfo {
    /// The client in audit events of a command that runs on the server itself.
    static var commandLine: ClientInfo { ClientInfo(address: "localhost", requestID: "command-line", userAgent: nil) }
}
