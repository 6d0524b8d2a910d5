import Modules

/// Conditions that hold in every committed state of payments by UPI.
enum UPIInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a paid QR code and the money of its bank reference contradict each other",
            """
            SELECT upi_payments.id, upi_receipts.outcome FROM upi_payments
            LEFT JOIN upi_receipts ON upi_receipts.bank_reference = upi_payments.bank_reference
            WHERE upi_payments.status = 'completed' AND NOT COALESCE(
                upi_receipts.outcome IN ('applied', 'credited') AND upi_receipts.reference = upi_payments.id, false)
            """
        ),
        Invariant(
            "money that arrived by UPI was applied, and its QR code is not paid with it",
            """
            SELECT upi_receipts.id, upi_receipts.reference FROM upi_receipts
            LEFT JOIN upi_payments ON upi_payments.bank_reference = upi_receipts.bank_reference
            WHERE upi_receipts.outcome IN ('applied', 'credited') AND upi_payments.id IS NULL
            """
        ),
        Invariant(
            "money was returned by the bank without a reference of its own",
            """
            SELECT returned.id, returned.reference FROM (
                SELECT id, refund_reference AS reference FROM upi_receipts WHERE outcome = 'refunded'
                UNION ALL
                SELECT refunds.id, refunds.provider_id FROM refunds JOIN payments ON payments.id = refunds.payment_id
                WHERE payments.method = 'upi' AND refunds.state = 'succeeded'
            ) AS returned
            WHERE NOT EXISTS (SELECT 1 FROM bank_refund_references WHERE subject = returned.id)
            """
        ),
        Invariant(
            "unclaimed money is not what the queue adds up to",
            """
            SELECT currency, CAST(SUM(amount) AS \(.integer)) AS difference FROM (
                SELECT currency, amount FROM upi_receipts WHERE outcome = 'unclaimed'
                UNION ALL
                SELECT unit, -balance FROM ledger_accounts WHERE name = 'unclaimed' AND unit <> 'credits'
            ) AS both_sides GROUP BY currency HAVING SUM(amount) <> 0
            """
        ),
    ]
}
