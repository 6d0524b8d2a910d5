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
    func trialsToRemind(limit: Int) throws -> [(Subscription, Int64)] {
        try all(
            """
            SELECT * FROM (
                SELECT id, organisation_id, plan_id, plan_since, cycle, status, anchor_at, trial_ends_at,
                    paid_through, grace_until, cancel_at, next_plan_id, next_plan_at, next_cycle, next_is_billed,
                    next_change, billing_reference, version,
                    \(EndReminders.latestDue(of: "trial_ends_at", at: now)) AS days
                FROM subscriptions
                WHERE status = 'trialing' AND trial_ends_at > \(now) AND trial_ends_at <= \(now + EndReminders.first)
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
