import Identity
package import Modules

package struct Cancellation: Payload {
    /// Ends the subscription at once; by default it ends with its period.
    package var immediate: Bool?

    package init(immediate: Bool? = nil) { self.immediate = immediate }
}

struct Adjustment: PlanSelection {
    enum Moment: String, Codable, CaseIterable, Sendable {
        case now
        case periodEnd = "period_end"
    }

    var plan: String?
    /// The same as `plan`.
    var tier: String?
    /// The same as `plan`.
    var planType: String?
    var cycle: Cycle?
    /// The same as `cycle`; `annual` is yearly.
    var billingCycle: BillingCycle?
    /// The same as the cycle `yearly`, or with false `monthly`.
    var annual: Bool?
    /// Defaults to now.
    var takesEffect: Moment?

    static let rules = planRules
}

struct TrialExtension: Payload {
    var days: Int64

    static let rules: [String: Rule] = ["days": .range(1...366)]
}

package struct SubscriptionView: Payload {
    package var id: ID<Subscription>
    package var plan: PlanView
    package var cycle: Cycle
    package var status: Subscription.Status
    package var startedAt: Instant
    package var periodStart: Instant
    package var periodEnd: Instant
    package var trialEndsAt: Instant?
    package var paidThrough: Instant?
    package var graceUntil: Instant?
    /// The end of a subscription that was cancelled.
    package var cancelAt: Instant?
    /// The plan of a scheduled downgrade, and when it takes effect.
    package var nextPlan: String?
    package var nextPlanAt: Instant?
    /// Where the provider bills the subscription: what is needed to pay, and what is paid.
    package var billing: BillingView?
    /// With it a client completes the first payment; absent where there is nothing to pay now.
    package var clientSecret: String?
    /// The key with which clients speak to the provider.
    package var publishableKey: String?

    init(_ plan: Plan, _ subscription: Subscription, _ period: Period, at now: Instant) {
        id = subscription.id
        self.plan = PlanView(plan)
        cycle = subscription.cycle
        status = subscription.status
        startedAt = subscription.anchor
        periodStart = period.start
        periodEnd = period.end
        trialEndsAt = subscription.trialEndsAt
        paidThrough = subscription.paidThrough
        graceUntil = subscription.graceUntil
        cancelAt = subscription.cancelAt
        nextPlan = subscription.nextPlan?.text
        nextPlanAt = subscription.nextPlanAt
    }
}

struct AccountSubscription: Payload {
    var userId: ID<Person>
    var subscription: SubscriptionView
}

struct TrialStatus: Payload {
    var isActive: Bool
    /// Whether the person's one trial has started, now or earlier.
    var hasBeenUsed: Bool
    var endsAt: Instant?
    /// Whole days, including the current one.
    var daysRemaining: Int64
    /// The credits that the organisation can spend; 0 without an active trial.
    var creditsRemaining: Int64

    /// - Parameter credits: what the organisation can spend.
    init(_ subscription: Subscription?, hasBeenUsed: Bool, credits: Int64, at now: Instant) {
        let end = subscription?.trialEndsAt
        isActive = subscription?.status == .trialing && subscription?.access(at: now) == .full
        self.hasBeenUsed = hasBeenUsed
        endsAt = end
        daysRemaining = isActive ? end.map { (($0 - now).microseconds + 86_399_999_999) / 86_400_000_000 } ?? 0 : 0
        creditsRemaining = isActive ? credits : 0
    }
}
