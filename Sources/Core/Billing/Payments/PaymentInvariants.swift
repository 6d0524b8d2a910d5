import Modules

/// Conditions that hold in every committed state of payments and refunds.
enum PaymentInvariants {
    static let all: [Invariant] = [
        Invariant(
            "what a payment says is refunded is not the sum of its refunds",
            """
            SELECT id, refunded, listed FROM (
                SELECT payments.id, payments.refunded,
                    (SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM refunds
                        WHERE payment_id = payments.id AND state <> 'failed') AS listed
                FROM payments
            ) AS sums WHERE refunded <> listed
            """
        ),
        Invariant(
            "a payment has succeeded and its money is not in the ledger, or is there twice",
            """
            SELECT id, received, posted FROM (
                SELECT payments.id, payments.received,
                    (SELECT CAST(COALESCE(SUM(ledger_movements.amount), 0) AS \(.integer)) FROM ledger_movements
                        JOIN ledger_postings ON ledger_postings.id = ledger_movements.posting_id
                        WHERE ledger_movements.subject = payments.id AND ledger_postings.kind = 'payment.succeeded')
                    AS posted
                FROM payments
            ) AS sums WHERE received <> posted
            """
        ),
        Invariant(
            "a refund and its movements contradict each other",
            """
            SELECT id, state, amount, returned FROM (
                SELECT refunds.id, refunds.state, refunds.amount,
                    (SELECT CAST(COALESCE(SUM(
                            CASE ledger_postings.kind WHEN 'refund.succeeded' THEN ledger_movements.amount ELSE 0 END
                        ), 0) AS \(.integer)) FROM ledger_movements
                        JOIN ledger_postings ON ledger_postings.id = ledger_movements.posting_id
                        WHERE ledger_movements.subject = refunds.id) AS returned
                FROM refunds
            ) AS sums
            WHERE (state = 'succeeded' AND returned <> amount) OR (state IN ('requested', 'pending') AND returned <> 0)
            """
        ),
    ]
}
