import Identity
import Modules

extension EntitlementsModule {
    /// Who is on which plan, and changing it.
    var subscriptionRoutes: [Route] {
        [
            .post(
                "payments/subscribe",
                "Start a plan that needs no payment",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .paymentRequired, .alreadySubscribed]
            ) { (request: Subscribe, scope) in Created(try await subscriptions.start(request, scope: scope)) },
            .get(
                "payments/subscription", "The present subscription",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, standing in
                try subscriptions.current(standing)
            },
            .post(
                "payments/upgrade",
                "Change to another plan at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .paymentRequired, .subscriptionState]
            ) { (request: PlanChoice, scope) in try await subscriptions.upgrade(request, scope: scope) },
            .post(
                "payments/downgrade",
                "Change to a smaller plan with the next period",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .conflict, .subscriptionState]
            ) { (request: PlanChoice, scope) in try await subscriptions.downgrade(request, scope: scope) },
            .post(
                "payments/cancel-subscription",
                "End the subscription, with its period or at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState]
            ) { (request: Cancellation, scope) in try await subscriptions.cancel(request, scope: scope) },
            .post(
                "payments/resumption",
                "Take a cancellation back",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState]
            ) { scope in try await subscriptions.resume(scope: scope) },
            .post(
                "payments/start-trial",
                "Begin the trial",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.emailNotProved, .trialUsed, .alreadySubscribed]
            ) { scope in Created(try await trials.start(scope: scope)) },
            .get("payments/trial-status", "Whether there is a trial, and how long it lasts", requires: identity.member)
            { scope in
                try await trials.status(scope: scope)
            },
            .get(
                "usage", "What is used and what is left in this period",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, standing in
                UsageView(standing, meters: usage.meters)
            },
        ]
    }

    /// Everybody's subscriptions, for administrators.
    var administrationRoutes: [Route] {
        [
            .get(
                "payments/subscriptions",
                "Everybody's subscriptions",
                requires: identity.role(.admin), .query("status", oneOf: Subscription.Status.allCases.map(\.rawValue)),
                .query("plan", upTo: 64),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { _, status, plan, limit, offset in
                try await subscriptions.list(
                    status: status.flatMap(Subscription.Status.init), plan: plan, limit: limit, offset: offset)
            },
            .get(
                "payments/subscriptions/{user_id}", "An account's subscription", requires: identity.role(.admin),
                .path("user_id", of: Person.self)
            ) {
                _, person in try await subscriptions.of(person)
            },
            .post(
                "payments/subscriptions/{user_id}/adjust",
                "Put an account on a plan",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.planNotFound, .subscriptionState]
            ) { (request: Adjustment, scope, person) in
                try await subscriptions.adjust(request, scope: scope, person: person)
            },
            .post(
                "payments/subscriptions/{user_id}/extend-trial",
                "Lengthen an account's trial",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.subscriptionState]
            ) { (request: TrialExtension, scope, person) in
                try await subscriptions.extendTrial(request, scope: scope, person: person)
            },
        ]
    }
}

struct Subscribe: Payload {
    /// The plan's id, such as `free`.
    var plan: String

    static let rules: [String: Rule] = ["plan": .length(1...64)]
}

struct PlanChoice: Payload {
    var plan: String
    var cycle: Cycle?

    static let rules: [String: Rule] = ["plan": .length(1...64)]
}

struct Cancellation: Payload {
    /// At once; otherwise with the end of the period.
    var immediate: Bool?
}

struct Adjustment: Payload {
    enum Moment: String, Codable, CaseIterable, Sendable {
        case now
        case periodEnd = "period_end"
    }

    var plan: String
    var cycle: Cycle?
    /// Now, unless said otherwise.
    var takesEffect: Moment?

    static let rules: [String: Rule] = ["plan": .length(1...64)]
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
    /// Where it was cancelled: when it ends.
    var cancelAt: Instant?
    /// Where a smaller plan was chosen: which, and from when on.
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
}

struct TrialStatus: Payload {
    var isActive: Bool
    /// Whether this person's one trial has begun, now or ever.
    var hasBeenUsed: Bool
    var endsAt: Instant?
    /// Whole days, the one that has begun included.
    var daysRemaining: Int64

    init(_ subscription: Subscription?, hasBeenUsed: Bool, at now: Instant) {
        let end = subscription?.trialEndsAt
        isActive = subscription?.status == .trialing && subscription?.access(at: now) == .full
        self.hasBeenUsed = hasBeenUsed
        endsAt = end
        daysRemaining = isActive ? end.map { (($0 - now).microseconds + 86_399_999_999) / 86_400_000_000 } ?? 0 : 0
    }
}

struct UsageView: Payload {
    struct MeterView: Payload {
        var limit: Limit
        var used: Int64
        /// Promised to work that has not ended yet.
        var held: Int64
        /// −1 where there is no limit.
        var remaining: Int64
        /// When the count begins anew; nil for what is a level and not a count.
        var resetsAt: Instant?
    }

    var plan: String
    var periodStart: Instant
    var resetsAt: Instant
    var meters: [String: MeterView]
    var storage: MeterView

    init(_ standing: EntitlementSnapshot, meters: [Meter]) {
        plan = standing.plan.name
        periodStart = standing.period.start
        resetsAt = standing.period.end
        func view(_ limit: Limit, _ level: Level, resetsAt: Instant? = nil) -> MeterView {
            MeterView(
                limit: limit, used: level.used, held: level.held, remaining: level.remaining(of: limit),
                resetsAt: resetsAt)
        }
        let end = standing.period.end
        self.meters = Dictionary(
            uniqueKeysWithValues: meters.map {
                ($0.name, view(standing.plan.limit(of: $0), standing.level(of: $0), resetsAt: end))
            })
        storage = view(standing.plan.storageBytes, standing.storage)
    }
}
