package import Modules

extension IdentityModule {
    /// How the owners of an organisation are written to: the ten who have owned it for longest.
    package static func owners(of organisation: ID<Organisation>, in transaction: Transaction) throws -> [Contact] {
        try transaction.owners(of: organisation, limit: 10).compactMap { try Contact.of($0, in: transaction) }
    }
}

extension Transaction {
    fileprivate func owners(of organisation: ID<Organisation>, limit: Int) throws -> [ID<Person>] {
        try all(
            "SELECT person_id FROM memberships WHERE organisation_id = \(organisation) AND role = 'owner' ORDER BY created_at, person_id LIMIT \(limit)"
        ) { try $0["person_id"] }
    }
}
