import Modules

/// The SQL of disputes of payments.
extension Transaction {
    /// Inserts a dispute; an existing one is unchanged.
    func insert(_ dispute: PaymentDispute) throws {
        try execute(
            """
            INSERT INTO payment_disputes (
                id, provider_id, payment_id, payer, currency, amount, reason, status, funds, from_held,
                evidence_due_at, created_at
            )
            VALUES (
                \(dispute.id), \(dispute.providerID), \(dispute.payment), \(dispute.payer),
                \(dispute.amount.currency.code), \(dispute.amount.minorUnits), \(dispute.reason), \(dispute.status),
                \(dispute.funds), 0, \(dispute.evidenceDueBy), \(dispute.createdAt)
            )
            ON CONFLICT (provider_id) DO NOTHING
            """
        )
    }

    func lockedDispute(ofProviderID id: String) throws -> PaymentDispute? {
        try first(
            "SELECT * FROM payment_disputes WHERE provider_id = \(id) \(.forUpdate)", PaymentDispute.init(row:))
    }

    func disputes(of payment: ID<Payment>) throws -> [PaymentDispute] {
        try all(
            "SELECT * FROM payment_disputes WHERE payment_id = \(payment) ORDER BY created_at, id LIMIT 100",
            PaymentDispute.init(row:))
    }

    /// Writes what transitions change; the row is locked.
    func update(_ dispute: PaymentDispute) throws {
        try execute(
            """
            UPDATE payment_disputes SET status = \(dispute.status), funds = \(dispute.funds),
                from_held = \(dispute.fromHeld), evidence_due_at = \(dispute.evidenceDueBy),
                closed_at = \(dispute.closedAt)
            WHERE id = \(dispute.id)
            """
        )
    }

    func disputes(in funds: PaymentDispute.Funds?, limit: Int, offset: Int) throws -> (
        rows: [PaymentDispute], total: Int64
    ) {
        let condition: SQL = funds.map { "funds = \($0)" } ?? .always
        let rows = try all(
            """
            SELECT * FROM payment_disputes WHERE \(condition) ORDER BY created_at DESC, id DESC
            LIMIT \(limit) OFFSET \(offset)
            """,
            PaymentDispute.init(row:))
        return (rows, try count(of: "payment_disputes", where: condition))
    }
}
