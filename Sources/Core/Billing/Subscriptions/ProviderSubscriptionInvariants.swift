import Modules

enum ProviderSubscriptionInvariants {
    static let all = [
        Invariant(
            "a subscription that is billed is not the one that pays for the organisation's plan",
            """
            SELECT provider_subscriptions.id AS subscription, provider_subscriptions.organisation_id
            FROM provider_subscriptions
            WHERE provider_subscriptions.state = 'open' AND provider_status = 'active' AND paid_through IS NOT NULL
                AND NOT EXISTS (
                    SELECT 1 FROM subscriptions
                    WHERE subscriptions.organisation_id = provider_subscriptions.organisation_id
                        AND (billing_reference = provider_subscriptions.id OR subscriptions.is_live = 0)
                )
                AND superseded_at IS NULL
            """
        ),
        Invariant(
            "a subscription was paid for beside another plan, and the money was not returned",
            """
            SELECT payments.id AS payment, provider_subscriptions.id AS subscription
            FROM payments JOIN provider_subscriptions ON provider_subscriptions.id = payments.subject
            WHERE payments.purpose = 'subscription' AND payments.state = 'succeeded' AND payments.intent_id IS NOT NULL
                AND superseded_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.payment_id = payments.id)
            """
        ),
    ]
}
