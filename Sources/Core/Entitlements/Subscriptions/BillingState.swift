package import Modules

/// What the payment provider says about a subscription that it bills, in the words of this system. The whole state: the
/// order in which states arrive does not matter beyond the newest.
package struct BillingState: Sendable, Hashable {
    /// Tells the subscriptions apart that the provider has billed to one organisation.
    package let reference: String
    /// Nil for a status that this version does not know: what must be paid for is denied.
    package var status: Subscription.Status?
    package var plan: Plan.ID
    package var cycle: Cycle
    /// The start of the first period whose full invoice was paid.
    package var anchor: Instant
    /// The end of the last period whose full invoice was paid; nil before the first payment.
    package var paidThrough: Instant?
    package var trialEndsAt: Instant?
    /// When it ends by a cancellation; nil where it renews.
    package var cancelAt: Instant?
    /// When it ended; nil before.
    package var endedAt: Instant?

    package init(
        reference: String, status: Subscription.Status?, plan: Plan.ID, cycle: Cycle, anchor: Instant,
        paidThrough: Instant? = nil, trialEndsAt: Instant? = nil, cancelAt: Instant? = nil, endedAt: Instant? = nil
    ) {
        self.reference = reference
        self.status = status
        self.plan = plan
        self.cycle = cycle
        self.anchor = anchor
        self.paidThrough = paidThrough
        self.trialEndsAt = trialEndsAt
        self.cancelAt = cancelAt
        self.endedAt = endedAt
    }

    /// Whether it gives an organisation a plan now that it would not have without it.
    package func isPaid(at now: Instant) -> Bool {
        switch status {
        case .active, .pastDue: paidThrough.map { now < $0 } ?? false
        case .trialing: trialEndsAt.map { now < $0 } ?? false
        case .incomplete, .incompleteExpired, .unpaid, .paused, .canceled, nil: false
        }
    }
}
