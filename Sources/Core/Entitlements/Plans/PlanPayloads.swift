import Identity
package import Modules
import Rates

struct PlanChange: Payload {
    var plan: PlanDocument
    /// The version that the change is based on; without it, the newest version.
    var version: Int64?
    /// Whether current periods get the new terms; otherwise they apply from the next period on.
    var appliesAtOnce: Bool?

    static let rules: [String: Rule] = ["version": .range(0...Int64.max)]
}

struct PlanHistory: Payload {
    var id: String
    /// Newest first.
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

    var listTotal: Int64? { Int64(plans.count) }
}

package struct PlanView: Payload {
    package struct PriceView: Payload {
        package var cycle: Cycle
        package var currency: String
        /// In minor units.
        package var amount: Int64
        package var region: String?
    }

    package struct TrialView: Payload {
        package var days: Int64
        package var credits: Int64
    }

    package struct RateView: Payload {
        package var limit: Int64
        package var windowSeconds: Int64
        /// Requests that are admitted at once after an idle time.
        package var burst: Int64
    }

    package var id: String
    package var name: String
    package var start: Plan.Start
    package var prices: [PriceView]
    package var features: [String]
    package var limits: [String: Limit]
    package var concurrency: [String: Limit]
    package var trial: TrialView?
    package var fileBytes: Limit
    package var storageBytes: Limit
    /// Rate limits per organisation, by class of requests; all rates of a class apply.
    package var rates: [String: [RateView]]

    /// - Parameter region: selects the prices of a country, or the general ones where it has none; nil selects all.
    package init(_ plan: Plan, region: String? = nil) {
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
        let all = plan.rates.merging([RateClass.default.name: plan.defaultRates]) { own, _ in own }
        rates = all.mapValues { rates in
            rates.all.map {
                RateView(limit: $0.limit, windowSeconds: $0.window / Duration.seconds(1).microseconds, burst: $0.burst)
            }
        }
    }
}

extension Plan {
    /// The prices of a country, or those without a region where it has none; all of them without a country.
    package func prices(in region: String?) -> [Price] {
        guard let region = region?.uppercased() else { return prices }
        let own = prices.filter { $0.region == region }
        return own.isEmpty ? prices.filter { $0.region == nil } : own
    }
}
