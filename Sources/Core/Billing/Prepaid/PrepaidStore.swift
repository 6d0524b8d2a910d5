import Entitlements
import Identity
import Modules

/// The SQL of periods that were paid for in advance, and of the reminders before their end.
extension Transaction {
    func insert(_ period: PrepaidPeriod) throws {
        try execute(
            """
            INSERT INTO prepaid_periods (
                payment_id, organisation_id, plan_id, cycle, subscription_reference, anchor_at, number, period_start,
                period_end, paid_at
            )
            VALUES (
                \(period.payment), \(period.organisation), \(period.plan), \(period.cycle), \(period.subscription),
                \(period.anchor), \(period.number), \(period.range.lowerBound), \(period.range.upperBound),
                \(period.paidAt)
            )
            """
        )
    }

    /// The last period of the organisation that has not ended, of whichever plan.
    func lastPrepaidPeriod(of organisation: ID<Organisation>) throws -> PrepaidPeriod? {
        try first(
            """
            SELECT * FROM prepaid_periods
            WHERE organisation_id = \(organisation) AND period_end > \(now) AND returned_at IS NULL
            ORDER BY period_end DESC LIMIT 1
            """,
            PrepaidPeriod.init(row:)
        )
    }

    /// Marks the period of a payment whose money was returned.
    /// - Returns: nil where the payment is for no period, where it was marked before, and where a later period of the
    ///   subscription was paid for.
    func returnPrepaidPeriod(of payment: ID<Payment>) throws -> PrepaidPeriod? {
        try first(
            """
            UPDATE prepaid_periods SET returned_at = \(now)
            WHERE payment_id = \(payment) AND returned_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM prepaid_periods AS later
                WHERE later.subscription_reference = prepaid_periods.subscription_reference
                    AND later.number > prepaid_periods.number AND later.returned_at IS NULL)
            RETURNING *
            """,
            PrepaidPeriod.init(row:)
        )
    }

    /// Whether a later period of the same subscription, which is in effect, follows the period of a payment.
    func isPrepaidPeriodFollowed(of payment: ID<Payment>) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM prepaid_periods AS later
            JOIN prepaid_periods AS own ON own.subscription_reference = later.subscription_reference
            WHERE own.payment_id = \(payment) AND own.returned_at IS NULL
                AND later.number > own.number AND later.returned_at IS NULL
            """
        ) > 0
    }

    /// Marks the period before another one that was returned, where all of its own money was returned earlier.
    /// - Returns: nil where there is none.
    func returnRefundedPrepaidPeriod(before period: PrepaidPeriod) throws -> PrepaidPeriod? {
        try first(
            """
            UPDATE prepaid_periods SET returned_at = \(now)
            WHERE subscription_reference = \(period.subscription) AND number = \(period.number - 1)
                AND returned_at IS NULL AND (
                    SELECT SUM(refunds.amount) FROM refunds
                    WHERE refunds.payment_id = prepaid_periods.payment_id AND refunds.state = 'succeeded'
                ) = (SELECT payments.received FROM payments WHERE payments.id = prepaid_periods.payment_id)
            RETURNING *
            """,
            PrepaidPeriod.init(row:)
        )
    }

    /// The period of a payment whose money was returned; nil where it is in effect, and where there is none.
    func returnedPrepaidPeriod(of payment: ID<Payment>) throws -> PrepaidPeriod? {
        try first(
            "SELECT * FROM prepaid_periods WHERE payment_id = \(payment) AND returned_at IS NOT NULL",
            PrepaidPeriod.init(row:)
        )
    }

    /// Puts the period of a payment back in effect: one guarded statement.
    /// - Returns: false where the period before it is not in effect, and where this one or a later one was paid for
    ///   again.
    func restorePrepaidPeriod(of payment: ID<Payment>) throws -> Bool {
        try execute(
            """
            UPDATE prepaid_periods SET returned_at = NULL
            WHERE payment_id = \(payment) AND returned_at IS NOT NULL
                AND NOT EXISTS (
                    SELECT 1 FROM prepaid_periods AS other
                    WHERE other.subscription_reference = prepaid_periods.subscription_reference
                        AND other.number >= prepaid_periods.number AND other.returned_at IS NULL)
                AND (number = 1 OR EXISTS (
                    SELECT 1 FROM prepaid_periods AS former
                    WHERE former.subscription_reference = prepaid_periods.subscription_reference
                        AND former.number = prepaid_periods.number - 1 AND former.returned_at IS NULL))
            """
        ) == 1
    }

    /// Whether the organisation of a payer exists: it may have been erased.
    func hasPayer(_ organisation: ID<Organisation>) throws -> Bool {
        try first("SELECT id FROM organisations WHERE id = \(organisation)") != nil
    }

    // MARK: Reminders

    /// Last periods that end soon or have ended since `start`, with the days of the latest reminder that is due: 0 for
    /// those that have ended. Those that were sent it are left out.
    func prepaidPeriodsToRemind(endedSince start: Instant, limit: Int) throws -> [(PrepaidPeriod, Int64)] {
        try all(
            """
            SELECT * FROM (
                SELECT prepaid_periods.*,
                    CASE WHEN period_end <= \(now) THEN 0 ELSE \(EndReminders.latestDue(of: "period_end", at: now)) END
                    AS days
                FROM prepaid_periods
                WHERE period_end > \(start) AND period_end <= \(now + EndReminders.first) AND returned_at IS NULL
                    AND NOT EXISTS (
                        SELECT 1 FROM prepaid_periods AS later
                        WHERE later.subscription_reference = prepaid_periods.subscription_reference
                            AND later.number > prepaid_periods.number AND later.returned_at IS NULL)
            ) AS ending
            WHERE NOT EXISTS (
                SELECT 1 FROM prepaid_reminders
                WHERE prepaid_reminders.payment_id = ending.payment_id AND prepaid_reminders.days = ending.days
            )
            ORDER BY period_end, payment_id LIMIT \(limit)
            """
        ) { row in (try PrepaidPeriod(row: row), try row["days"]) }
    }

    /// - Returns: false where the reminder was sent before.
    func insertReminder(of period: PrepaidPeriod, days: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO prepaid_reminders (payment_id, days, sent_at)
            VALUES (\(period.payment), \(days), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }
}
