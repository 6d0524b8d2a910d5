package import Modules
import Rates

/// A plan as data, with one schema for the file of plans, the payloads of administrators and the database.
package struct PlanDocument: Payload, Hashable {
    package struct PriceDocument: Payload, Hashable {
        var cycle: Cycle
        /// An ISO 4217 code.
        var currency: String
        /// In minor units: cents, paise.
        var amount: Int64
        /// An ISO 3166 code; a price without one applies to all other countries.
        var region: String?

        package static let rules: [String: Rule] = [
            "amount": .range(0...1_000_000_000_000), "currency": .length(3...3), "region": .length(2...2),
        ]
    }

    package struct TrialDocument: Payload, Hashable {
        var days: Int64
        var credits: Int64?

        package static let rules: [String: Rule] = ["days": .range(1...366), "credits": .range(0...1_000_000_000)]
    }

    var name: String
    var start: Plan.Start?
    /// Whether lists of prices point to it.
    var recommended: Bool?
    var prices: [PriceDocument]?
    /// Whether the installation names the prices at the payment provider, in place of `prices` here.
    var providerPrices: Bool?
    var features: [String]?
    var limits: [String: Limit]?
    var concurrency: [String: Limit]?
    var trial: TrialDocument?
    /// Mebibytes; −1 is unlimited.
    var fileMb: Limit
    /// Mebibytes; −1 is unlimited.
    var storageMb: Limit
    /// Rate limits per organisation, by class of requests: `60/minute`, `10/30s`, `60/minute burst 10`.
    var rates: [String: [String]]?

    /// The bound of 2⁴⁰ MiB keeps numbers of bytes within 64 bits.
    package static let rules: [String: Rule] = [
        "name": .length(1...80), "file_mb": .range(-1...(1 << 40)), "storage_mb": .range(-1...(1 << 40)),
        "prices": .items(upTo: 100),
        "features": .items(upTo: 200),
    ]

    /// Violations of constraints that the schema cannot express.
    func faults(_ offers: Offers) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        for (index, feature) in (features ?? []).enumerated() where !offers.features.contains(feature) {
            faults.append(Problem.Fault("/features/\(index)", "is no known feature: '\(feature)'"))
        }
        faults += offers.faults(inLimits: limits)
        for (index, price) in (prices ?? []).enumerated() {
            if Currency(price.currency) == nil {
                faults.append(Problem.Fault("/prices/\(index)/currency", "is not a currency code of three letters"))
            }
            if let region = price.region,
                !region.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
            {
                faults.append(Problem.Fault("/prices/\(index)/region", "is not a country code of two capitals"))
            }
        }
        let keys = (prices ?? []).map { "\($0.cycle) \($0.currency.lowercased()) \($0.region ?? "")" }
        if Set(keys).count < keys.count {
            faults.append(Problem.Fault("/prices", "has the same cycle, currency and region twice"))
        }
        if start == .payment, keys.isEmpty, providerPrices != true {
            faults.append(
                Problem.Fault(
                    "/prices", "is required for a plan that is started by payment, unless provider_prices is true"))
        }
        if providerPrices == true, start != .payment || !keys.isEmpty {
            faults.append(
                Problem.Fault("/provider_prices", "is for a plan that is started by payment, without prices here"))
        }
        if (start == .trial) != (trial != nil) {
            faults.append(
                Problem.Fault("/trial", "is required for a plan that is started as a trial, and refused for any other"))
        }
        return faults + offers.faults(inRates: rates)
    }

    func plan(_ id: Plan.ID) -> Plan {
        func bytes(_ megabytes: Limit) -> Limit { megabytes == .unlimited ? .unlimited : .upTo(megabytes.value << 20) }
        return Plan(
            id: id,
            name: name,
            start: start ?? .administrator,
            prices: (prices ?? []).compactMap { price in
                Currency(price.currency).map {
                    Price(cycle: price.cycle, amount: Money(price.amount, $0), region: price.region)
                }
            },
            hasProviderPrices: providerPrices ?? false,
            features: Set(features ?? []),
            limits: limits ?? [:],
            concurrency: concurrency ?? [:],
            trial: trial.map { TrialTerms(days: $0.days, credits: $0.credits ?? 0) },
            fileBytes: bytes(fileMb),
            storageBytes: bytes(storageMb),
            rates: (rates ?? [:]).compactMapValues { Rates($0.compactMap { Rate($0) }) },
            isRecommended: recommended ?? false
        )
    }
}
