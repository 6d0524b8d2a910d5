import Audit
import Mail
package import Modules

/// The verbs of accounts: coming to be, signing in, being looked at.
struct Accounts: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let sessions: Sessions
    let audit: AuditModule
    let post: Post
    let runtime: Runtime

    /// Makes an account with its personal organisation, and signs it in.
    /// - Throws: `validation-failed` for an address, role or password that is not accepted; `account-exists`.
    func register(_ request: Registration, visitor: Visitor) async throws(Problem) -> SignedIn {
        let (person, _) = try await create(request, role: request.role ?? .user, isEmailVerified: false, visitor: visitor)
        return try await sessions.begin(for: person, visitor: visitor)
    }

    /// Makes an account without signing it in: for registration and for the command line.
    func create(_ request: Registration, role: Role, isEmailVerified: Bool, visitor: Visitor) async throws(Problem) -> (Person, ID<Organisation>) {
        guard let email = EmailAddress(request.email) else { throw Problem.invalid("/email", "is not an e-mail address") }
        let username = try username(request.username, beside: email)
        try policy.check(request.password, against: [request.email, username, request.fullName, request.firstName, request.lastName].compactMap(\.self))
        let hash = try await passwords.hash(request.password)
        let fullName = request.fullName ?? [request.firstName, request.lastName].compactMap(\.self).joined(separator: " ")
        let new = NewPerson(
            id: runtime.id(),
            organisation: runtime.id(),
            organisationName: request.organization ?? (fullName.isEmpty ? email.text : fullName),
            email: email,
            username: username,
            fullName: fullName.isEmpty ? nil : fullName,
            firstName: request.firstName,
            lastName: request.lastName,
            phone: request.phone,
            role: role,
            passwordHash: hash,
            isEmailVerified: isEmailVerified
        )
        return try await database.write { [audit] transaction in
            guard try transaction.insert(new), let person = try transaction.person(new.id) else { throw Problem(.accountExists) }
            try audit.record(
                AuditEvent("account.created", from: visitor, actor: new.id.text, organisation: new.organisation.text),
                in: transaction
            )
            return (person, new.organisation)
        }
    }

    /// A user name without its white space, or nil where nothing is left of it.
    ///
    /// Signing in takes either name: one that reads as another person's address would stand in that person's way.
    private func username(_ given: String?, beside email: EmailAddress) throws(Problem) -> String? {
        guard let name = given?.filter({ !$0.isWhitespace }), !name.isEmpty else { return nil }
        let key = CanonicalText.key(of: name)
        guard !key.contains("@") || key == email.key else { throw Problem.invalid("/username", "must not contain '@'") }
        guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0.properties.generalCategory == .format }) else {
            throw Problem.invalid("/username", "must not contain characters that cannot be seen")
        }
        return name
    }

    /// Signs in with an address or a user name. An unknown name takes as long as a wrong password, and is answered alike.
    /// - Throws: `invalid-credentials`; `account-suspended`, told only to those who know the password.
    func signIn(_ request: Credentials, visitor: Visitor) async throws(Problem) -> SignedIn {
        guard let name = request.email ?? request.username else { throw Problem.invalid("/email", "is required, or username in its place") }
        let key = CanonicalText.key(of: name.filter { !$0.isWhitespace })
        let person = try await database.read { try $0.person(named: key) }
        let isRight = try await passwords.verify(request.password, against: person?.passwordHash)
        guard let person, isRight else {
            try await recordFailure(person, visitor)
            throw Problem(.invalidCredentials)
        }
        guard !person.isSuspended else { throw Problem(.accountSuspended) }
        return try await sessions.begin(for: person, visitor: visitor)
    }

    func profile(_ scope: Scope) async throws(Problem) -> Profile {
        try await database.read { transaction in
            guard let (person, liveSessions) = try transaction.personWithLiveSessions(scope.person) else { throw Problem(.notFound) }
            return Profile(user: User(person), activeSessionsCount: liveSessions)
        }
    }

    private func recordFailure(_ person: Person?, _ visitor: Visitor) async throws(Problem) {
        try await database.write { [audit] transaction in
            try audit.record(
                AuditEvent("session.created", outcome: .failure, from: visitor, subject: person?.id.text),
                in: transaction
            )
        }
    }
}

extension Problem.Kind {
    package static let accountExists = Self("account-exists", "An account with this address or user name already exists", status: 409)
    package static let invalidCredentials = Self("invalid-credentials", "Invalid email or password", status: 401)
    package static let accountSuspended = Self("account-suspended", "This account is suspended", status: 403)
}
