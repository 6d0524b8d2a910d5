import Identity
import Modules
import Rates

extension EntitlementsModule {
    /// What can be bought, and changing it.
    var planRoutes: [Route] {
        [
            .get("plans", "The plans", requires: .public) { _ in PlanList(plans: catalogue.plans.map { PlanView($0) })
            },
            .get(
                "payments/pricing",
                "What the plans cost, everywhere or in one country",
                requires: .public, .query("region", upTo: 2)
            ) { _, region in PlanList(plans: catalogue.plans.map { PlanView($0, region: region) }) },
            .get(
                "admin/plans/{id}", "A plan in all its versions", requires: identity.role(.admin), .path("id"),
                problems: [.planNotFound]
            ) { _, id in
                let versions = plans.versions(of: Plan.ID(id))
                guard !versions.isEmpty else { throw Problem(.planNotFound) }
                return PlanHistory(id: id, versions: versions.reversed().map(PlanVersionView.init))
            },
            .put(
                "admin/plans/{id}",
                "Write the next version of a plan, or a new plan",
                requires: identity.role(.admin), .path("id"),
                problems: [.conflict]
            ) { (request: PlanChange, scope, id) in
                PlanVersionView(
                    try await plans.change(
                        Plan.ID(id), to: request.plan, expecting: request.version,
                        appliesAtOnce: request.appliesAtOnce ?? false, scope: scope)
                )
            },
        ]
    }
}

struct PlanChange: Payload {
    var plan: PlanDocument
    /// The version that the change was made from; without it, whatever is there is changed.
    var version: Int64?
    /// Whether running periods get the new terms; otherwise they begin with the next period.
    var appliesAtOnce: Bool?

    static let rules: [String: Rule] = ["version": .range(0...Int64.max)]
}

struct PlanHistory: Payload {
    var id: String
    /// The newest first.
    var versions: [PlanVersionView]
}

struct PlanVersionView: Payload {
    var version: Int64
    var plan: PlanDocument
    var origin: PlanVersion.Origin
    var appliesAtOnce: Bool
    var createdAt: Instant
    var createdBy: ID<Person>?

    init(_ version: PlanVersion) {
        self.version = version.number
        plan = version.document
        origin = version.origin
        appliesAtOnce = version.appliesAtOnce
        createdAt = version.createdAt
        createdBy = version.createdBy
    }
}

struct PlanList: Payload {
    var plans: [PlanView]
}

struct PlanView: Payload {
    struct PriceView: Payload {
        var cycle: Cycle
        var currency: String
        /// In minor units.
        var amount: Int64
        var region: String?
    }

    struct TrialView: Payload {
        var days: Int64
        var credits: Int64
    }

    struct RateView: Payload {
        var limit: Int64
        var windowSeconds: Int64
        /// Calls that may come at once after a rest.
        var burst: Int64
    }

    var id: String
    var name: String
    var start: Plan.Start
    var prices: [PriceView]
    var features: [String]
    var limits: [String: Limit]
    var concurrency: [String: Limit]
    var trial: TrialView?
    var fileBytes: Limit
    var storageBytes: Limit
    /// How fast an organisation may call, by class of calls; all rates of a class hold at once.
    var rates: [String: [RateView]]

    /// - Parameter region: shows the prices of this country where it has its own, and the others elsewhere; nil shows all.
    init(_ plan: Plan, region: String? = nil) {
        id = plan.id.text
        name = plan.name
        start = plan.start
        prices = plan.prices(in: region).map {
            PriceView(
                cycle: $0.cycle, currency: $0.amount.currency.code, amount: $0.amount.minorUnits, region: $0.region)
        }
        features = plan.features.sorted()
        limits = plan.limits
        concurrency = plan.concurrency
        trial = plan.trial.map { TrialView(days: $0.days, credits: $0.credits) }
        fileBytes = plan.fileBytes
        storageBytes = plan.storageBytes
        let all = plan.rates.merging([RateClass.default.name: plan.rates(of: .default)]) { own, _ in own }
        rates = all.mapValues { rates in
            rates.all.map {
                RateView(limit: $0.limit, windowSeconds: $0.window / Duration.seconds(1).microseconds, burst: $0.burst)
            }
        }
    }
}

extension Plan {
    /// The prices of a country: its own, or those of everywhere else where it has none.
    fileprivate func prices(in region: String?) -> [Price] {
        guard let region = region?.uppercased() else { return prices }
        let own = prices.filter { $0.region == region }
        return own.isEmpty ? prices.filter { $0.region == nil } : own
    }
}
