import Modules
import Webhooks

/// Tells the endpoints of an organisation about changes of its subscription.
struct SubscriptionEvents: Sendable {
    let webhooks: WebhookService

    /// Called in the transaction that has written the change.
    /// - Parameter change: the action as in the audit trail, such as `subscription.upgraded`.
    func updated(_ subscription: Subscription, by change: String, in transaction: Transaction) throws {
        let data = SubscriptionUpdate(subscription, change: change)
        try webhooks.emit(.subscriptionUpdated, of: subscription.organisation, data, in: transaction)
    }
}

extension WebhookEventType {
    static let subscriptionUpdated = WebhookEventType(
        "subscription.updated", "The subscription starts, changes its plan or status, or ends.")
}

/// The data of `subscription.updated`: the subscription after the change.
struct SubscriptionUpdate: Payload {
    let id: ID<Subscription>
    /// Such as `subscription.started`, `subscription.upgraded`, `subscription.cancelled` or `subscription.ended`.
    let change: String
    let plan: String
    let cycle: Cycle
    let status: Subscription.Status
    let trialEndsAt: Instant?
    let paidThrough: Instant?
    let graceUntil: Instant?
    let cancelAt: Instant?
    let nextPlan: String?
    let nextPlanAt: Instant?

    init(_ subscription: Subscription, change: String) {
        id = subscription.id
        self.change = change
        plan = subscription.plan.text
        cycle = subscription.cycle
        status = subscription.status
        trialEndsAt = subscription.trialEndsAt
        paidThrough = subscription.paidThrough
        graceUntil = subscription.graceUntil
        cancelAt = subscription.cancelAt
        nextPlan = subscription.nextPlan?.text
        nextPlanAt = subscription.nextPlanAt
    }
}
