import Entitlements
import Identity
import Modules

/// All SQL about subscriptions at the provider.
extension Transaction {
    /// - Returns: false where the organisation has one that has not ended.
    func insert(_ subscription: ProviderSubscription) throws -> Bool {
        try execute(
            """
            INSERT INTO provider_subscriptions (
                id, organisation_id, person_id, is_checkout, call_id, state, plan_id, cycle, currency, amount, region,
                changes, created_at, updated_at
            )
            VALUES (
                \(subscription.id), \(subscription.organisation), \(subscription.person), \(subscription.isCheckout),
                \(subscription.call), \(subscription.state), \(subscription.plan), \(subscription.cycle),
                \(subscription.amount.currency.code), \(subscription.amount.minorUnits), \(subscription.region),
                \(subscription.changes), \(now), \(now)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func update(_ subscription: ProviderSubscription) throws {
        try execute(
            """
            UPDATE provider_subscriptions
            SET state = \(subscription.state), plan_id = \(subscription.plan), cycle = \(subscription.cycle),
                currency = \(subscription.amount.currency.code), amount = \(subscription.amount.minorUnits),
                region = \(subscription.region), session_id = \(subscription.sessionID),
                session_url = \(subscription.sessionURL), session_expires_at = \(subscription.sessionExpiresAt),
                provider_id = \(subscription.providerID), item_id = \(subscription.itemID),
                latest_invoice = \(subscription.latestInvoice), provider_status = \(subscription.providerStatus),
                anchor_at = \(subscription.anchor), paid_through = \(subscription.paidThrough),
                trial_ends_at = \(subscription.trialEndsAt), cancel_at = \(subscription.cancelAt),
                ended_at = \(subscription.endedAt), changes = \(subscription.changes),
                superseded_at = \(subscription.supersededAt), updated_at = \(now)
            WHERE id = \(subscription.id) AND organisation_id = \(subscription.organisation)
            """
        )
    }

    /// The organisation's subscription that has not ended and is not superseded.
    func liveProviderSubscription(of organisation: ID<Organisation>) throws -> ProviderSubscription? {
        try first(
            """
            SELECT * FROM provider_subscriptions
            WHERE organisation_id = \(organisation) AND state <> 'ended' AND superseded_at IS NULL
            """,
            ProviderSubscription.init)
    }

    /// As ``liveProviderSubscription(of:)``, also a superseded one; the row is locked until the transaction ends.
    func lockedLiveProviderSubscription(of organisation: ID<Organisation>) throws -> ProviderSubscription? {
        try first(
            """
            SELECT * FROM provider_subscriptions
            WHERE organisation_id = \(organisation) AND state <> 'ended' \(.forUpdate)
            """,
            ProviderSubscription.init)
    }

    /// The last subscription of the organisation, also one that has ended.
    func lastProviderSubscription(of organisation: ID<Organisation>) throws -> ProviderSubscription? {
        try first(
            """
            SELECT * FROM provider_subscriptions WHERE organisation_id = \(organisation)
            ORDER BY CASE WHEN state = 'ended' THEN 1 ELSE 0 END, created_at DESC, id DESC LIMIT 1
            """,
            ProviderSubscription.init)
    }

    func providerSubscription(_ id: ID<ProviderSubscription>) throws -> ProviderSubscription? {
        try first("SELECT * FROM provider_subscriptions WHERE id = \(id)", ProviderSubscription.init)
    }

    func lockedProviderSubscription(_ id: ID<ProviderSubscription>) throws -> ProviderSubscription? {
        try first("SELECT * FROM provider_subscriptions WHERE id = \(id) \(.forUpdate)", ProviderSubscription.init)
    }

    func lockedProviderSubscription(ofProviderID id: String) throws -> ProviderSubscription? {
        try first(
            "SELECT * FROM provider_subscriptions WHERE provider_id = \(id) \(.forUpdate)", ProviderSubscription.init)
    }

    /// - Returns: nil for another organisation's.
    func providerSubscription(ofSession id: String, of organisation: ID<Organisation>) throws -> ProviderSubscription? {
        try first(
            """
            SELECT * FROM provider_subscriptions WHERE session_id = \(id) AND organisation_id = \(organisation)
            """,
            ProviderSubscription.init)
    }

    func lockedProviderSubscription(ofSession id: String) throws -> ProviderSubscription? {
        try first(
            "SELECT * FROM provider_subscriptions WHERE session_id = \(id) \(.forUpdate)", ProviderSubscription.init)
    }

    /// - Returns: false where the notice was sent before.
    func insertNotice(_ notice: String, of subscription: ID<ProviderSubscription>) throws -> Bool {
        try execute(
            """
            INSERT INTO subscription_notices (subscription_id, notice, sent_at)
            VALUES (\(subscription), \(notice), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }
}
