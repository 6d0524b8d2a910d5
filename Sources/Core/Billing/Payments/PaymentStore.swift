import Identity
import Modules

/// The SQL of payments.
extension Transaction {
    /// - Returns: false where the subject has a live attempt, or the provider's id is known.
    func insert(_ payment: Payment) throws -> Bool {
        try execute(
            """
            INSERT INTO payments (
                id, organisation_id, person_id, purpose, subject, method, currency, amount, received, refunded,
                destination, description, state, provider_id, intent_id, charge_id, failure_code, failure_message,
                created_at, succeeded_at
            )
            VALUES (
                \(payment.id), \(payment.organisation), \(payment.person), \(payment.purpose), \(payment.subject),
                \(payment.method), \(payment.amount.currency.code), \(payment.amount.minorUnits),
                \(payment.receivedMinor), \(payment.refundedMinor), \(payment.destination), \(payment.description),
                \(payment.state), \(payment.providerID), \(payment.intentID), \(payment.chargeID),
                \(payment.failureCode), \(payment.failureMessage), \(payment.createdAt), \(payment.succeededAt)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func payment(_ id: ID<Payment>) throws -> Payment? {
        try first("SELECT * FROM payments WHERE id = \(id)", Payment.init(row:))
    }

    func payment(_ id: ID<Payment>, of organisation: ID<Organisation>) throws -> Payment? {
        try first(
            "SELECT * FROM payments WHERE id = \(id) AND organisation_id = \(organisation)", Payment.init(row:))
    }

    /// Locks the row until the transaction ends.
    func lockedPayment(_ id: ID<Payment>) throws -> Payment? {
        try first("SELECT * FROM payments WHERE id = \(id) \(.forUpdate)", Payment.init(row:))
    }

    func livePayment(of purpose: PaymentPurpose, _ subject: String) throws -> Payment? {
        try first(
            """
            SELECT * FROM payments WHERE purpose = \(purpose) AND subject = \(subject)
                AND state NOT IN ('succeeded', 'canceled')
            """,
            Payment.init(row:)
        )
    }

    /// In the order of their subjects, which are locked before them.
    func livePayments(of organisation: ID<Organisation>) throws -> [ID<Payment>] {
        try all(
            """
            SELECT id FROM payments WHERE organisation_id = \(organisation) AND state NOT IN ('succeeded', 'canceled')
            ORDER BY purpose, subject, id
            """
        ) { try $0["id"] }
    }

    func payment(ofProviderID id: String) throws -> Payment? {
        try first("SELECT * FROM payments WHERE provider_id = \(id) OR intent_id = \(id)", Payment.init(row:))
    }

    func payment(ofCharge id: String) throws -> Payment? {
        try first("SELECT * FROM payments WHERE charge_id = \(id)", Payment.init(row:))
    }

    func succeededPayments(of purpose: PaymentPurpose, subject: String) throws -> [Payment] {
        try all(
            """
            SELECT * FROM payments WHERE purpose = \(purpose) AND subject = \(subject) AND state = 'succeeded'
            ORDER BY created_at DESC, id DESC
            """,
            Payment.init(row:)
        )
    }

    func payments(of purpose: PaymentPurpose, subject: String, limit: Int) throws -> [Payment] {
        try all(
            """
            SELECT * FROM payments WHERE purpose = \(purpose) AND subject = \(subject)
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """,
            Payment.init(row:)
        )
    }

    /// One guarded statement: a payment that has ended meanwhile stays as it is.
    /// - Returns: whether it was live.
    func update(_ payment: Payment) throws -> Bool {
        try execute(
            """
            UPDATE payments
            SET state = \(payment.state), provider_id = \(payment.providerID), intent_id = \(payment.intentID),
                charge_id = \(payment.chargeID), failure_code = \(payment.failureCode),
                failure_message = \(payment.failureMessage), received = \(payment.receivedMinor),
                succeeded_at = \(payment.succeededAt)
            WHERE id = \(payment.id) AND state NOT IN ('succeeded', 'canceled')
            """
        ) == 1
    }

    /// Notes what brought the money of an invoice; what is known stays.
    func setCharge(_ charge: String?, ofIntent intent: String, invoice: String) throws {
        try execute(
            """
            UPDATE payments SET intent_id = \(intent), charge_id = \(charge)
            WHERE provider_id = \(invoice) AND method = 'invoice' AND intent_id IS NULL
            """
        )
    }

    /// One guarded statement: never more than has arrived.
    /// - Returns: whether so much is left.
    func reserveRefund(_ minorUnits: Int64, of payment: ID<Payment>) throws -> Bool {
        try execute(
            """
            UPDATE payments SET refunded = refunded + \(minorUnits)
            WHERE id = \(payment) AND state = 'succeeded' AND refunded + \(minorUnits) <= received
            """
        ) == 1
    }

    func revokeRefund(_ minorUnits: Int64, of payment: ID<Payment>) throws {
        try execute("UPDATE payments SET refunded = refunded - \(minorUnits) WHERE id = \(payment)")
    }

    /// Newest first, with the total number.
    func payments(_ filter: PaymentFilter, limit: Int, offset: Int) throws -> (rows: [Payment], total: Int64) {
        let condition = filter.condition
        return (
            try all(
                """
                SELECT * FROM payments WHERE \(condition)
                ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
                Payment.init(row:)
            ),
            try count(of: "payments", where: condition)
        )
    }
}

extension Payment {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        purpose = try row["purpose"]
        subject = try row["subject"]
        method = try row["method"]
        amount = Money(try row["amount"], try Currency(stored: try row["currency"]))
        receivedMinor = try row["received"]
        refundedMinor = try row["refunded"]
        destination = try row["destination"]
        description = try row["description"]
        state = try row["state"]
        providerID = try row["provider_id"]
        intentID = try row["intent_id"]
        chargeID = try row["charge_id"]
        failureCode = try row["failure_code"]
        failureMessage = try row["failure_message"]
        createdAt = try row["created_at"]
        succeededAt = try row["succeeded_at"]
    }
}
