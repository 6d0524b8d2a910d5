import Identity
import Modules

/// All SQL about subscriptions.
extension Transaction {
    /// The live subscription, else the last one.
    func subscription(of organisation: ID<Organisation>) throws -> Subscription? {
        try first(Self.currentSubscription(of: organisation), Subscription.init)
    }

    /// As ``subscription(of:)``; the row is locked until the transaction ends.
    func lockedSubscription(of organisation: ID<Organisation>) throws -> Subscription? {
        try first(Self.currentSubscription(of: organisation) + " \(.forUpdate)", Subscription.init)
    }

    /// The anchor of the organisation's last subscription, whether it is live or has ended: a subscription without
    /// payment continues its periods, so that leaving and coming back restores no units.
    func anchor(of organisation: ID<Organisation>) throws -> Instant? {
        try lockedSubscription(of: organisation)?.anchor
    }

    /// - Returns: false when the organisation has a live subscription.
    func insert(_ subscription: Subscription) throws -> Bool {
        let isNew =
            try execute(
                """
                INSERT INTO subscriptions (
                    id, organisation_id, plan_id, plan_since, cycle, status, is_live, anchor_at,
                    trial_ends_at, paid_through, grace_until, cancel_at, next_plan_id, next_plan_at, next_cycle,
                    next_is_billed, next_change, billing_reference, created_at, updated_at
                )
                VALUES (
                    \(subscription.id), \(subscription.organisation), \(subscription.plan), \(subscription.planSince),
                    \(subscription.cycle), \(subscription.status), \(subscription.status.isFinal ? 0 : 1),
                    \(subscription.anchor), \(subscription.trialEndsAt), \(subscription.paidThrough),
                    \(subscription.graceUntil), \(subscription.cancelAt), \(subscription.nextPlan),
                    \(subscription.nextPlanAt), \(subscription.nextCycle), \(subscription.nextIsBilled ? 1 : 0),
                    \(subscription.nextChange), \(subscription.billingReference), \(now), \(now)
                )
                ON CONFLICT DO NOTHING
                """
            ) == 1
        // What follows from an earlier subscription of the organisation, such as one that is paid for a while yet, is
        // out of date.
        if isNew {
            try execute(
                """
                UPDATE subscriptions SET version = version + 1
                WHERE organisation_id = \(subscription.organisation) AND id <> \(subscription.id)
                """
            )
        }
        return isNew
    }

    func update(_ subscription: Subscription) throws {
        try execute(
            """
            UPDATE subscriptions
            SET plan_id = \(subscription.plan), plan_since = \(subscription.planSince), cycle = \(subscription.cycle),
                status = \(subscription.status), is_live = \(subscription.status.isFinal ? 0 : 1),
                anchor_at = \(subscription.anchor), trial_ends_at = \(subscription.trialEndsAt),
                paid_through = \(subscription.paidThrough), grace_until = \(subscription.graceUntil),
                cancel_at = \(subscription.cancelAt), next_plan_id = \(subscription.nextPlan),
                next_plan_at = \(subscription.nextPlanAt), next_cycle = \(subscription.nextCycle),
                next_is_billed = \(subscription.nextIsBilled ? 1 : 0), next_change = \(subscription.nextChange),
                billing_reference = \(subscription.billingReference), updated_at = \(now),
                version = version + 1
            WHERE id = \(subscription.id) AND organisation_id = \(subscription.organisation)
            """
        )
    }

    /// Subscriptions with a change that is due; not those that another process is settling.
    func dueSubscriptions(limit: Int) throws -> [Subscription] {
        try all(
            Self.selectSubscription
                + """
                WHERE is_live = 1 AND (
                    trial_ends_at <= \(now) AND status = 'trialing' AND billing_reference IS NULL
                    OR status = 'incomplete' AND plan_since <= \(now - Subscription.firstPaymentLimit)
                    OR cancel_at <= \(now) OR next_plan_at <= \(now)
                )
                ORDER BY id LIMIT \(limit) \(.skipLocked)
                """,
            Subscription.init
        )
    }

    func personalOrganisation(of person: ID<Person>) throws -> ID<Organisation>? {
        try first("SELECT id FROM organisations WHERE personal_of = \(person)") { try $0["id"] }
    }

    /// - Throws: `not-found` for an unknown account.
    func requirePersonalOrganisation(of person: ID<Person>) throws -> ID<Organisation> {
        guard let organisation = try personalOrganisation(of: person) else {
            throw Problem(.notFound, detail: "There is no such account.")
        }
        return organisation
    }

    /// The subscriptions of all personal organisations, newest first.
    func subscriptions(status: Subscription.Status?, plan: Plan.ID?, limit: Int, offset: Int) throws -> (
        rows: [SubscriptionListing], total: Int64
    ) {
        var condition: SQL = "WHERE organisations.personal_of IS NOT NULL"
        if let status { condition = condition + " AND subscriptions.status = \(status)" }
        if let plan { condition = condition + " AND subscriptions.plan_id = \(plan)" }
        let joined: SQL = "FROM subscriptions JOIN organisations ON organisations.id = subscriptions.organisation_id "
        let total = try count("SELECT COUNT(*) AS count " + joined + condition)
        let rows = try all(
            "SELECT organisations.personal_of, " + Self.subscriptionColumns + joined + condition
                + " ORDER BY subscriptions.created_at DESC, subscriptions.id DESC LIMIT \(limit) OFFSET \(offset)"
        ) { SubscriptionListing(person: try $0["personal_of"], subscription: try Subscription(row: $0)) }
        return (rows, total)
    }

    private static func currentSubscription(of organisation: ID<Organisation>) -> SQL {
        selectSubscription
            + "WHERE organisation_id = \(organisation) ORDER BY is_live DESC, created_at DESC, id DESC LIMIT 1"
    }

    private static var selectSubscription: SQL { "SELECT " + subscriptionColumns + "FROM subscriptions " }

    private static var subscriptionColumns: SQL {
        """
        subscriptions.id, subscriptions.organisation_id, plan_id, plan_since, cycle, status, anchor_at,
        trial_ends_at, paid_through, grace_until, cancel_at, next_plan_id, next_plan_at, next_cycle,
        next_is_billed, next_change, billing_reference, subscriptions.version

        """
    }
}

/// A subscription of a personal organisation, with its person.
struct SubscriptionListing: Sendable {
    let person: ID<Person>
    let subscription: Subscription
}
