import Audit
import Mail
package import Modules

/// The verbs of accounts: coming to be, being looked at.
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

    func profile(_ scope: Scope) async throws(Problem) -> Profile {
        try await database.read { transaction in
            guard let person = try transaction.person(scope.person) else { throw Problem(.notFound) }
            return Profile(user: User(person), activeSessionsCount: try transaction.countLiveSessions(of: scope.person))
        }
    }
}

extension Problem.Kind {
    package static let accountExists = Self("account-exists", "An account with this address or user name already exists", status: 409)
}
