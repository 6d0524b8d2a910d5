package import Modules

/// How somebody is written to.
package struct Contact: Sendable {
    package let email: String
    /// The full name, or what stands for it.
    package let name: String
    package let isEmailVerified: Bool
}

extension IdentityModule {
    /// - Returns: nil for an account that does not exist.
    package static func contact(of person: ID<Person>, in transaction: Transaction) throws -> Contact? {
        try transaction.person(person).map {
            Contact(email: $0.email, name: $0.displayName, isEmailVerified: $0.isEmailVerified)
        }
    }
}
