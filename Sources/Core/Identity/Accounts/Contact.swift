package import Modules

/// A person's name and address, for e-mails to them.
package struct Contact: Sendable {
    package let email: String
    /// The full name, or else the user name or the address.
    package let name: String
    package let isEmailVerified: Bool
}

extension Contact {
    /// - Returns: nil for an account that does not exist.
    package static func of(_ person: ID<Person>, in transaction: Transaction) throws -> Contact? {
        try transaction.person(person).map {
            Contact(email: $0.email, name: $0.displayName, isEmailVerified: $0.isEmailVerified)
        }
    }

    /// - Returns: nil for an address that no member of the organisation has.
    package static func member(
        withAddress address: String, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> Contact? {
        guard let person = try transaction.member(withAddress: address, of: organisation) else { return nil }
        return try of(person, in: transaction)
    }
}
