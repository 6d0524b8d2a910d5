package import Modules

extension Contact {
    /// The contacts of the organisation's owners: at most the ten who have owned it for the longest time.
    package static func owners(of organisation: ID<Organisation>, in transaction: Transaction) throws -> [Contact] {
        try transaction.owners(of: organisation, limit: 10).compactMap {
            try Contact.of($0, in: transaction)
        }
    }
}
