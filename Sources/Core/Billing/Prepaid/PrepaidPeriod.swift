import Entitlements
import Identity
import Modules

/// A period of a plan that was paid for in advance. Nothing renews it: a further payment of the same plan and cycle
/// pays for the period that follows.
struct PrepaidPeriod: Sendable, Hashable {
    let payment: ID<Payment>
    let organisation: ID<Organisation>
    let plan: Plan.ID
    let cycle: Cycle
    /// ``BillingState/reference`` of the subscription, which all of its periods share.
    let subscription: String
    /// The start of the subscription. Periods are counted from it, not from the period before.
    let anchor: Instant
    /// From 1 within the subscription.
    let number: Int64
    let range: Range<Instant>
    let paidAt: Instant

    /// - Parameter last: the period that this one follows; nil for the first one of a subscription.
    init(of plan: PrepaidPlan, paidBy payment: ID<Payment>, after last: PrepaidPeriod?, at now: Instant) {
        self.payment = payment
        organisation = plan.organisation
        self.plan = plan.plan
        cycle = plan.cycle
        subscription = last?.subscription ?? "prepaid:\(payment)"
        anchor = last?.anchor ?? now
        number = (last?.number ?? 0) + 1
        range =
            (last?.range.upperBound ?? anchor)..<Period.moment(months: number * plan.cycle.months, after: anchor)
        paidAt = now
    }

    /// The subscription until the end of this period. What was paid for in advance ends by itself.
    var billingState: BillingState {
        BillingState(
            reference: subscription, status: .active, plan: plan, cycle: cycle, anchor: anchor,
            paidThrough: range.upperBound, cancelAt: range.upperBound)
    }
}

extension PrepaidPeriod {
    init(row: Row) throws {
        payment = try row["payment_id"]
        organisation = try row["organisation_id"]
        plan = try row["plan_id"]
        cycle = try row["cycle"]
        subscription = try row["subscription_reference"]
        anchor = try row["anchor_at"]
        number = try row["number"]
        let start: Instant = try row["period_start"]
        range = start..<(try row["period_end"])
        paidAt = try row["paid_at"]
    }
}
