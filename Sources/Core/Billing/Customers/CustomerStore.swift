import Identity
import Modules

/// The SQL of customers at the provider.
extension Transaction {
    /// The organisation's row, inserted where there is none, with the id at the provider once it is known.
    func customerRow(of organisation: ID<Organisation>, orInsertAs id: ID<BillingCustomer>) throws -> (
        id: ID<BillingCustomer>, customer: BillingCustomer?
    ) {
        let row = try first(
            """
            INSERT INTO provider_customers (id, organisation_id, created_at) VALUES (\(id), \(organisation), \(now))
            ON CONFLICT (organisation_id) DO UPDATE SET organisation_id = excluded.organisation_id
            RETURNING id, organisation_id, provider_id, created_at
            """
        )
        guard let row else { return (id, nil) }
        return (try row["id"], try BillingCustomer(row: row))
    }

    func billingCustomer(of organisation: ID<Organisation>) throws -> BillingCustomer? {
        try first(
            "SELECT * FROM provider_customers WHERE organisation_id = \(organisation)", BillingCustomer.init(row:)
        ).flatMap { $0 }
    }

    func billingCustomer(ofProviderID id: String) throws -> BillingCustomer? {
        try first("SELECT * FROM provider_customers WHERE provider_id = \(id)", BillingCustomer.init(row:)).flatMap {
            $0
        }
    }

    func setCustomerID(_ providerID: String, of id: ID<BillingCustomer>) throws {
        try execute(
            "UPDATE provider_customers SET provider_id = \(providerID) WHERE id = \(id) AND provider_id IS NULL")
    }

    func deleteCustomer(_ id: ID<BillingCustomer>) throws {
        try execute("DELETE FROM provider_customers WHERE id = \(id)")
    }
}

extension BillingCustomer {
    /// - Returns: nil for a row whose customer is being made.
    fileprivate init?(row: Row) throws {
        guard let providerID: String = try row["provider_id"] else { return nil }
        id = try row["id"]
        organisation = try row["organisation_id"]
        self.providerID = providerID
        createdAt = try row["created_at"]
    }
}
