import Identity
import Modules

/// The body of the routes by which customers choose a plan.
struct PlanChoice: PlanSelection {
    /// The plan's id, such as `free`.
    var plan: String?
    /// The same as `plan`.
    var tier: String?
    /// The same as `plan`.
    var planType: String?
    /// `yearly` for plans that are paid for.
    var cycle: Cycle?
    /// The same as `cycle`; `annual` is yearly.
    var billingCycle: BillingCycle?
    /// The same as the cycle `yearly`, or with false `monthly`.
    var annual: Bool?

    static let rules = planRules
}

struct Cancellation: Payload {
    /// Ends the subscription at once; by default it ends with its period.
    var immediate: Bool?
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

struct SubscriptionView: Payload {
    var id: ID<Subscription>
    var plan: PlanView
    var cycle: Cycle
    var status: Subscription.Status
    var startedAt: Instant
    var periodStart: Instant
    var periodEnd: Instant
    var trialEndsAt: Instant?
    var paidThrough: Instant?
    var graceUntil: Instant?
    /// The end of a subscription that was cancelled.
    var cancelAt: Instant?
    /// The plan of a scheduled downgrade, and when it takes effect.
    var nextPlan: String?
    var nextPlanAt: Instant?

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

struct SubscriptionPage: Payload {
    struct Entry: Payload {
        var userId: ID<Person>
        var subscription: SubscriptionView
    }

    var data: [Entry]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
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
