import Audit
import Mail
package import Modules

/// The verb of accounts: coming to be.
struct AccountService: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let sessions: SessionService
    let challenges: ChallengeService
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// Makes an account with its personal organisation, and signs it in.
    /// - Throws: `validation-failed` for an address, role or password that is not accepted; `account-exists`.
    func register(_ request: Registration, visitor: ClientInfo) async throws(Problem) -> SignedIn {
        let (person, _) = try await create(
            request, role: request.role ?? .user, isEmailVerified: false, visitor: visitor)
        return try await sessions.begin(for: person, visitor: visitor)
    }

    /// Makes an account without signing it in: for registration and for the command line.
    func create(_ request: Registration, role: Role, isEmailVerified: Bool, visitor: ClientInfo) async throws(Problem)
        -> (Person, ID<Organisation>)
    {
        let new = try await newPerson(request, role: role, isEmailVerified: isEmailVerified)
        return try await database.write { [audit, challenges] transaction in
            guard try transaction.insert(new), let person = try transaction.person(new.id) else {
                throw Problem(.accountExists)
            }
            try audit.record(
                AuditEvent("account.created", from: visitor, actor: new.id.text, organisation: new.organisation.text),
                in: transaction
            )
            if !isEmailVerified { try challenges.send(.verifyEmail, to: person.email, of: person, in: transaction) }
            return (person, new.organisation)
        }
    }

    /// What a request asks for, checked, with the password hashed.
    private func newPerson(_ request: Registration, role: Role, isEmailVerified: Bool) async throws(Problem)
        -> NewPerson
    {
        let email = try EmailAddress(reading: request.email, at: "/email")
        let username = try Names.username(request.username, beside: email.key)
        let (first, last) = (
            try Names.line(request.firstName, "first_name"), try Names.line(request.lastName, "last_name")
        )
        let joined = [first, last].compactMap(\.self).joined(separator: " ")
        let fullName = try Names.line(request.fullName, "full_name") ?? (joined.isEmpty ? nil : joined)
        let organisation = try Names.line(request.organization, "organization")
        let phone = try Names.line(request.phone, "phone")
        let (studentID, employeeID) = (
            try Names.line(request.studentId, "student_id"), try Names.line(request.employeeId, "employee_id")
        )
        try policy.check(request.password, against: [email.text, username, fullName, first, last].compactMap(\.self))
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
            passwordHash: try await passwords.hash(request.password),
            isEmailVerified: isEmailVerified
        )
    }
}

extension Problem.Kind {
    package static let accountExists = Self(
        "account-exists", "An account with this address or user name already exists", status: 409)
}
