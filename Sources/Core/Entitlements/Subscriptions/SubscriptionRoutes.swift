import Identity
import Modules

extension EntitlementsModule {
    /// Plans, and who is on which.
    var subscriptionRoutes: [Route] {
        [
            .get("plans", "The plans", requires: .public) { _ in PlanList(plans: catalogue.plans.map(PlanView.init)) },
            .post(
                "payments/subscribe",
                "Start a plan that needs no payment",
                requires: identity.organisation(.owner, .admin),
                problems: [.planNotFound, .paymentRequired, .alreadySubscribed]
            ) { (request: Subscribe, scope) in Created(try await subscriptions.start(request, scope: scope)) },
            .get("payments/subscription", "The present subscription", requires: identity.member.allowing(.entitlementsCheck), subscription) { _, standing in
                subscriptions.current(standing)
            },
            .post(
                "payments/subscriptions/{user_id}/adjust",
                "Put an account on a plan",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.planNotFound]
            ) { (request: Adjustment, scope, person) in try await subscriptions.adjust(request, scope: scope, person: person) },
            .get("usage", "What is used and what is left in this period", requires: identity.member.allowing(.entitlementsCheck), subscription) { _, standing in
                UsageView(standing, meters: meters)
            }
            .alias("payments/usage"),
        ]
    }
}

struct Subscribe: Payload {
    /// The plan's id, such as `free`.
    var plan: String

    static let rules: [String: Rule] = ["plan": .length(1...64)]
}

struct Adjustment: Payload {
    var plan: String

    static let rules: [String: Rule] = ["plan": .length(1...64)]
}

struct PlanList: Payload {
    var plans: [PlanView]
}

struct PlanView: Payload {
    var id: String
    var name: String
    var features: [String]
    var limits: [String: Limit]
    var fileBytes: Limit
    var storageBytes: Limit

    init(_ plan: Plan) {
        id = plan.id.text
        name = plan.name
        features = plan.features.sorted()
        limits = plan.limits
        fileBytes = plan.fileBytes
        storageBytes = plan.storageBytes
    }
}

struct SubscriptionView: Payload {
    var plan: PlanView
    var status: Subscription.Status
    var startedAt: Instant
    var periodStart: Instant
    var periodEnd: Instant

    init(_ plan: Plan, _ subscription: Subscription, at now: Instant) {
        let period = Period(anchor: subscription.anchor, containing: now)
        self.plan = PlanView(plan)
        status = subscription.status
        startedAt = subscription.anchor
        periodStart = period.start
        periodEnd = period.end
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
    }

    var plan: String
    var periodStart: Instant
    var resetsAt: Instant
    var meters: [String: MeterView]
    var storage: MeterView

    init(_ standing: Standing, meters: [Meter]) {
        plan = standing.plan.name
        periodStart = standing.period.start
        resetsAt = standing.period.end
        func view(_ limit: Limit, _ level: Level) -> MeterView {
            MeterView(limit: limit, used: level.used, held: level.held, remaining: limit == .unlimited ? -1 : max(0, limit.value - level.used - level.held))
        }
        self.meters = Dictionary(uniqueKeysWithValues: meters.map { ($0.name, view(standing.plan.limit(of: $0), standing.level(of: $0))) })
        storage = view(standing.plan.storageBytes, standing.storage)
    }
}
