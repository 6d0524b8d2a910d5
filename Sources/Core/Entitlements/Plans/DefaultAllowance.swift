package import Modules
import Rates

/// What an organisation has without a plan, and what holds where its plan lists nothing: the entry `default` of the
/// file of plans.
package struct DefaultAllowance: Sendable, Hashable {
    /// How many rows of some work may be active at once, by the name of the work.
    let concurrency: [String: Limit]
    /// Units a month of work that needs no plan, by meter.
    let limits: [String: Limit]
    /// Rate limits per organisation, by class of requests.
    let rates: [String: Rates]

    init(concurrency: [String: Limit] = [:], limits: [String: Limit] = [:], rates: [String: Rates] = [:]) {
        self.concurrency = concurrency
        self.limits = limits
        self.rates = rates
    }

    /// A meter that is not listed has the limit 0.
    func limit(of meter: Meter) -> Limit { limits[meter.name] ?? .upTo(0) }

    /// The rates of a class: those that the plan lists for it, or else this allowance; then those of the default class.
    /// - Parameter plan: nil for an organisation without one. A plan's default class is its own.
    func rates(of rateClass: RateClass, under plan: Plan?) -> Rates {
        if let plan, rateClass == .default { return plan.defaultRates }
        return listedRates(of: rateClass, under: plan) ?? plan?.defaultRates ?? rates[RateClass.default.name]
            ?? .ofNoPlan
    }

    /// - Returns: nil for a class that neither the plan nor this allowance lists.
    func listedRates(of rateClass: RateClass, under plan: Plan?) -> Rates? {
        plan?.rates[rateClass.name] ?? rates[rateClass.name]
    }

    /// Work that neither the plan nor this allowance lists has the limit 0.
    package func concurrency(of name: String, under plan: Plan?) -> Limit {
        plan?.concurrency[name] ?? concurrency[name] ?? .upTo(0)
    }
}

/// The entry `default` as it is written.
struct DefaultAllowanceDocument: Payload {
    var concurrency: [String: Limit]?
    var limits: [String: Limit]?
    /// As in a plan.
    var rates: [String: [String]]?

    var allowance: DefaultAllowance {
        DefaultAllowance(
            concurrency: concurrency ?? [:], limits: limits ?? [:],
            rates: (rates ?? [:]).compactMapValues { texts in Rates(texts.compactMap { Rate($0) }) })
    }
}
