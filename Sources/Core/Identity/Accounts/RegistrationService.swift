import Audit
package import Modules

/// Creates accounts, each with its personal organisation.
package final class RegistrationService: Sendable {
    private let database: any Database
    private let hasher: PasswordHasher
    private let policy: PasswordPolicy
    private let sessions: SessionService
    private let challenges: ChallengeService
    private let audit: AuditService
    private let runtime: Runtime

    init(
        database: any Database, hasher: PasswordHasher, policy: PasswordPolicy, sessions: SessionService,
        challenges: ChallengeService, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.hasher = hasher
        self.policy = policy
        self.sessions = sessions
        self.challenges = challenges
        self.audit = audit
        self.runtime = runtime
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
