import Identity
import Modules

/// The SQL of refunds.
extension Transaction {
    /// - Returns: false where the payment has a refund with its key, or the provider's id is known.
    func insert(_ refund: Refund) throws -> Bool {
        try execute(
            """
            INSERT INTO refunds (
                id, payment_id, organisation_id, currency, amount, from_revenue, reason, refund_key, state,
                provider_id, failure_code, created_at, settled_at
            )
            VALUES (
                \(refund.id), \(refund.payment), \(refund.organisation), \(refund.amount.currency.code),
                \(refund.amount.minorUnits), \(refund.fromRevenueMinor), \(refund.reason), \(refund.key),
                \(refund.state), \(refund.providerID), \(refund.failureCode), \(refund.createdAt), \(refund.settledAt)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func refund(_ id: ID<Refund>) throws -> Refund? {
        try first("SELECT * FROM refunds WHERE id = \(id)", Refund.init(row:))
    }

    /// Locks the row until the transaction ends.
    func lockedRefund(_ id: ID<Refund>) throws -> Refund? {
        try first("SELECT * FROM refunds WHERE id = \(id) \(.forUpdate)", Refund.init(row:))
    }

    func refund(ofKey key: String, _ payment: ID<Payment>) throws -> Refund? {
        try first("SELECT * FROM refunds WHERE payment_id = \(payment) AND refund_key = \(key)", Refund.init(row:))
    }

    func refund(ofProviderID id: String) throws -> Refund? {
        try first("SELECT * FROM refunds WHERE provider_id = \(id)", Refund.init(row:))
    }

    func refunds(of payment: ID<Payment>) throws -> [Refund] {
        try all("SELECT * FROM refunds WHERE payment_id = \(payment) ORDER BY created_at, id", Refund.init(row:))
    }

    /// Oldest first, with the total number.
    func refunds(_ filter: RefundFilter, limit: Int, offset: Int) throws -> (rows: [Refund], total: Int64) {
        let joined: SQL = "FROM refunds JOIN payments ON payments.id = refunds.payment_id WHERE \(filter.condition)"
        return (
            try all(
                """
                SELECT refunds.* \(joined) ORDER BY refunds.created_at, refunds.id LIMIT \(limit) OFFSET \(offset)
                """,
                Refund.init(row:)
            ),
            try count("SELECT COUNT(*) AS count \(joined)")
        )
    }

    /// Notes the bank's reference of money that was returned: one guarded statement.
    /// - Returns: false where the reference was used for other money, returned or received.
    func useBankReference(_ reference: String, for subject: String) throws -> Bool {
        try execute(
            """
            INSERT INTO bank_refund_references (reference, subject, entered_at)
            SELECT \(reference), \(subject), \(now)
            WHERE NOT EXISTS (SELECT 1 FROM upi_receipts WHERE bank_reference = \(reference))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func update(_ refund: Refund) throws {
        try execute(
            """
            UPDATE refunds SET state = \(refund.state), provider_id = \(refund.providerID),
                failure_code = \(refund.failureCode), settled_at = \(refund.settledAt)
            WHERE id = \(refund.id)
            """
        )
    }
}

extension Refund {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        payment = try row["payment_id"]
        organisation = try row["organisation_id"]
        amount = Money(try row["amount"], try Currency(stored: try row["currency"]))
        fromRevenueMinor = try row["from_revenue"]
        reason = try row["reason"]
        key = try row["refund_key"]
        state = try row["state"]
        providerID = try row["provider_id"]
        failureCode = try row["failure_code"]
        createdAt = try row["created_at"]
        settledAt = try row["settled_at"]
    }
}
