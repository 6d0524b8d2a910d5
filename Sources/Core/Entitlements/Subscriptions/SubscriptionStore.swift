import Identity
import Modules

/// Every SQL statement about subscriptions.
extension Transaction {
    func activeSubscription(of organisation: ID<Organisation>) throws -> Subscription? {
        try first(
            """
            SELECT id, organisation_id, plan_id, status, anchor_at FROM subscriptions
            WHERE organisation_id = \(organisation) AND status = 'active'
            """,
            Subscription.init
        )
    }

    /// - Returns: false when the organisation has an active subscription already.
    func insert(_ subscription: Subscription) throws -> Bool {
        try execute(
            """
            INSERT INTO subscriptions (id, organisation_id, plan_id, status, anchor_at, created_at, updated_at)
            VALUES (\(subscription.id), \(subscription.organisation), \(subscription.plan), \(subscription.status), \(subscription.anchor), \(now), \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func change(_ id: ID<Subscription>, of organisation: ID<Organisation>, to plan: Plan.ID) throws {
        try execute(
            """
            UPDATE subscriptions SET plan_id = \(plan), updated_at = \(now)
            WHERE id = \(id) AND organisation_id = \(organisation) AND status = 'active'
            """
        )
    }

    func personalOrganisation(of person: ID<Person>) throws -> ID<Organisation>? {
        try first("SELECT id FROM organisations WHERE personal_of = \(person)") { try $0["id"] }
    }
}
