import Entitlements
import Identity
import Modules

/// The SQL of codes.
extension Transaction {
    func insert(_ payment: UPIPayment) throws {
        try execute(
            """
            INSERT INTO upi_payments (
                id, organisation_id, person_id, plan_id, cycle, description, price, amount, status, created_at,
                expires_at
            )
            VALUES (
                \(payment.id), \(payment.organisation), \(payment.person), \(payment.plan), \(payment.cycle),
                \(payment.description), \(payment.price.minorUnits), \(payment.amount.minorUnits), \(payment.stored),
                \(payment.createdAt), \(payment.expiresAt)
            )
            """
        )
    }

    func update(_ payment: UPIPayment) throws {
        let paid = payment.paid
        try execute(
            """
            UPDATE upi_payments
            SET status = \(payment.stored), payment_id = \(paid?.payment), bank_reference = \(paid?.bankReference)
            WHERE id = \(payment.id)
            """
        )
    }

    func upiPayment(_ id: String, of organisation: ID<Organisation>) throws -> UPIPayment? {
        try first(
            Self.selectUPIPayment + "WHERE id = \(id) AND organisation_id = \(organisation)", UPIPayment.init(row:))
    }

    /// For reports of money, whose reference names the code. The row is locked until the transaction ends.
    func lockedUPIPayment(_ id: String) throws -> UPIPayment? {
        // What was paid for is read by a statement of its own: the one that waits for the lock sees the rows of before.
        guard try first("SELECT id FROM upi_payments WHERE id = \(id) \(.forUpdate)") != nil else { return nil }
        return try first(Self.selectUPIPayment + "WHERE id = \(id)", UPIPayment.init(row:))
    }

    /// The newest code for the same, which expires at `time` or later and was not paid.
    func openUPIPayment(
        of organisation: ID<Organisation>, for plan: Plan.ID, _ cycle: Cycle, amount: Money, until time: Instant
    ) throws -> UPIPayment? {
        try first(
            Self.selectUPIPayment
                + """
                WHERE organisation_id = \(organisation) AND plan_id = \(plan) AND cycle = \(cycle)
                    AND amount = \(amount.minorUnits) AND status = 'pending' AND expires_at >= \(time)
                ORDER BY created_at DESC LIMIT 1
                """,
            UPIPayment.init(row:)
        )
    }

    /// Newest first, with the total number.
    func upiPayments(_ filter: UPIPaymentFilter, limit: Int, offset: Int) throws -> (
        rows: [UPIPayment], total: Int64
    ) {
        let condition = filter.condition(at: now)
        return (
            try all(
                Self.selectUPIPayment
                    + """
                    WHERE \(condition) ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                    """,
                UPIPayment.init(row:)),
            try count(of: "upi_payments", where: condition)
        )
    }

    /// With what was paid for.
    private static var selectUPIPayment: SQL {
        """
        SELECT upi_payments.*, period_start, period_end, paid_at FROM upi_payments LEFT JOIN (
            SELECT payment_id AS paid_by, period_start, period_end, paid_at FROM prepaid_periods
        ) AS paid ON paid_by = upi_payments.payment_id

        """
    }

    /// - Returns: how many were deleted.
    func pruneUnpaidUPIPayments(createdBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM upi_payments WHERE id IN (
                SELECT id FROM upi_payments
                WHERE created_at < \(time) AND status <> 'completed' AND NOT EXISTS (
                    SELECT 1 FROM upi_receipts WHERE reference = upi_payments.id)
                ORDER BY created_at LIMIT \(limit))
            """
        )
    }
}

/// Which codes a list has.
struct UPIPaymentFilter: Sendable {
    /// Nil for all.
    var organisation: ID<Organisation>?
    var person: ID<Person>?
    var status: UPIPayment.Status?

    fileprivate func condition(at now: Instant) -> SQL {
        var condition: SQL = .always
        if let organisation { condition = "\(condition) AND organisation_id = \(organisation)" }
        if let person { condition = "\(condition) AND person_id = \(person)" }
        let processedSince = now - UPIPayment.settlementTime
        switch status {
        case nil: break
        case .expired?:
            condition = """
                \(condition) AND (status IN ('pending', 'failed') AND expires_at < \(now)
                    OR status = 'processing' AND expires_at < \(processedSince))
                """
        case .processing?:
            condition = "\(condition) AND status = 'processing' AND expires_at >= \(processedSince)"
        case .pending?: condition = "\(condition) AND status = 'pending' AND expires_at >= \(now)"
        case .failed?: condition = "\(condition) AND status = 'failed' AND expires_at >= \(now)"
        case .completed?: condition = "\(condition) AND status = 'completed'"
        }
        return condition
    }
}
