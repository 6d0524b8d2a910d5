package import Modules

/// The address of an account as it is compared.
package struct AccountAddress: Sendable {
    package let key: String
    package let isVerified: Bool

    /// - Returns: nil for an account that does not exist.
    package static func of(_ person: ID<Person>, in transaction: Transaction) throws -> AccountAddress? {
        try transaction.first("SELECT email_key, email_verified_at FROM people WHERE id = \(person)") { row in
            AccountAddress(
                key: try row["email_key"], isVerified: try row.read("email_verified_at", as: Instant?.self) != nil)
        }
    }
}
