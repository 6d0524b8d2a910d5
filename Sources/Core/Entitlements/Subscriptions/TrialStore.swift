import Identity
import Modules

/// All SQL about trials and their reminders.
extension Transaction {
    /// - Returns: false when the person has had a trial.
    func insertTrial(of person: ID<Person>, _ subscription: Subscription) throws -> Bool {
        try execute(
            """
            INSERT INTO trials (person_id, organisation_id, subscription_id, started_at)
            VALUES (\(person), \(subscription.organisation), \(subscription.id), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Reverts ``insertTrial(of:_:)`` where the organisation has a live subscription: the person may have a trial
    /// later.
    func deleteTrial(_ subscription: Subscription) throws {
        try execute(
            """
            DELETE FROM trials
            WHERE subscription_id = \(subscription.id) AND organisation_id = \(subscription.organisation)
            """
        )
    }

    func hasHadTrial(_ person: ID<Person>) throws -> Bool {
        try count("SELECT COUNT(*) AS count FROM trials WHERE person_id = \(person)") > 0
    }

    func trialPerson(of subscription: Subscription) throws -> ID<Person>? {
        try first(
            """
            SELECT person_id FROM trials
            WHERE subscription_id = \(subscription.id) AND organisation_id = \(subscription.organisation)
            """
        ) {
            try $0["person_id"]
        }
    }

    /// Trials that are near their end, with the number of days of the latest reminder that is due; not those that were
    /// sent it.
    /// - Parameter days: three numbers in descending order.
    func trialsToRemind(of days: [Int64], limit: Int) throws -> [(Subscription, Int64)] {
        let moments = days.map { now + .days($0) }
        return try all(
            """
            SELECT * FROM (
                SELECT id, organisation_id, plan_id, plan_since, cycle, status, anchor_at, trial_ends_at,
                    paid_through, grace_until, cancel_at, next_plan_id, next_plan_at, next_cycle, next_is_billed,
                    billing_reference, version,
                    CASE WHEN trial_ends_at <= \(moments[2]) THEN \(days[2])
                        WHEN trial_ends_at <= \(moments[1]) THEN \(days[1]) ELSE \(days[0]) END AS days
                FROM subscriptions
                WHERE status = 'trialing' AND trial_ends_at > \(now) AND trial_ends_at <= \(moments[0])
            ) AS ending
            WHERE NOT EXISTS (
                SELECT 1 FROM trial_reminders
                WHERE trial_reminders.subscription_id = ending.id
                    AND trial_reminders.trial_ends_at = ending.trial_ends_at AND trial_reminders.days = ending.days
            )
            ORDER BY id LIMIT \(limit)
            """
        ) { row in (try Subscription(row: row), try row["days"]) }
    }

    /// - Returns: false when the reminder was sent before.
    func insertReminder(of subscription: Subscription, days: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO trial_reminders (subscription_id, trial_ends_at, days, sent_at)
            VALUES (\(subscription.id), \(subscription.trialEndsAt), \(days), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }
}
