import Audit
package import Modules

/// Asks somebody who is signed in for their password once more, before what a stolen session must not be enough for.
struct Reauthentication: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let audit: AuditModule

    /// - Parameter action: what is about to be done, as the audit trail calls it: a wrong password is written there as its failure.
    /// - Returns: the person as they were when asked, whose password it is.
    /// - Throws: `wrong-password`.
    func confirm(_ password: String, by scope: Scope, before action: String) async throws(Problem) -> Person {
        let person = try await database.read { try $0.person(scope.person) }
        guard try await passwords.verify(password, against: person?.passwordHash), let person else {
            try await database.write { [audit] transaction in
                try audit.record(
                    AuditEvent(action, outcome: .failure, by: scope, subject: scope.person.text, details: ["reason": "wrong password"]), in: transaction
                )
            }
            throw Problem(.wrongPassword)
        }
        return person
    }
}

extension Problem.Kind {
    package static let wrongPassword = Self("wrong-password", "The current password is not right", status: 401)
}
