package import Modules
import Rates

/// A plan as it is written: in the file of plans, in an administrator's request and in the database. One schema holds for all three.
package struct PlanDocument: Payload, Hashable {
    package struct PriceDocument: Payload, Hashable {
        var cycle: Cycle
        /// An ISO 4217 code.
        var currency: String
        /// In minor units: cents, paise.
        var amount: Int64
        /// An ISO 3166 code; a price without one is that of everywhere else.
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
    var prices: [PriceDocument]?
    var features: [String]?
    var limits: [String: Limit]?
    var concurrency: [String: Limit]?
    var trial: TrialDocument?
    /// Mebibytes; −1 is no limit.
    var fileMb: Limit
    var storageMb: Limit
    /// How fast an organisation may call, by class of calls: `60/minute`, `10/30s`, `60/minute burst 10`.
    var rates: [String: [String]]?

    /// Beyond a mebi of terabytes, numbers of bytes would come near the end of 64 bits.
    package static let rules: [String: Rule] = [
        "name": .length(1...80), "file_mb": .range(-1...(1 << 40)), "storage_mb": .range(-1...(1 << 40)),
        "prices": .items(upTo: 100),
        "features": .items(upTo: 200),
    ]

    /// What the schema alone cannot know to be wrong.
    func faults(_ offers: Offers) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        for (index, feature) in (features ?? []).enumerated() where !offers.features.contains(feature) {
            faults.append(Problem.Fault("/features/\(index)", "is no known feature: '\(feature)'"))
        }
        for meter in (limits ?? [:]).keys.sorted() where !offers.meters.contains(meter) {
            faults.append(Problem.Fault("/limits" + Problem.Fault.step(meter), "is no known meter: '\(meter)'"))
        }
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
        let places = (prices ?? []).map { "\($0.cycle) \($0.currency.lowercased()) \($0.region ?? "")" }
        if Set(places).count < places.count {
            faults.append(Problem.Fault("/prices", "names the same cycle, currency and region twice"))
        }
        if start == .payment, places.isEmpty {
            faults.append(Problem.Fault("/prices", "is required for a plan that is started by paying"))
        }
        if (start == .trial) != (trial != nil) {
            faults.append(Problem.Fault("/trial", "belongs to a plan that is started as a trial, and to no other"))
        }
        return faults + rateFaults(offers)
    }

    private func rateFaults(_ offers: Offers) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        for (name, texts) in (rates ?? [:]).sorted(by: { $0.key < $1.key }) {
            if !offers.rateClasses.contains(name) {
                faults.append(
                    Problem.Fault("/rates" + Problem.Fault.step(name), "is no known class of calls: '\(name)'"))
            }
            for (index, text) in texts.enumerated() where Rate(text) == nil {
                let detail = "is no rate such as 60/minute, 10/30s or 60/minute burst 10: '\(text.prefix(40))'"
                faults.append(Problem.Fault("/rates\(Problem.Fault.step(name))/\(index)", detail))
            }
            let read = texts.compactMap { Rate($0) }
            if read.count == texts.count, Rates(read) == nil {
                faults.append(
                    Problem.Fault(
                        "/rates" + Problem.Fault.step(name),
                        "holds one to \(Rates.countMax) rates, each with a window of its own"))
            }
        }
        return faults
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
            features: Set(features ?? []),
            limits: limits ?? [:],
            concurrency: concurrency ?? [:],
            trial: trial.map { TrialTerms(days: $0.days, credits: $0.credits ?? 0) },
            fileBytes: bytes(fileMb),
            storageBytes: bytes(storageMb),
            rates: (rates ?? [:]).compactMapValues { Rates($0.compactMap { Rate($0) }) }
        )
    }
}

/// What an installation's products count and offer: other names in a plan are faults.
package struct Offers: Sendable {
    package let meters: Set<String>
    package let features: Set<String>
    /// Those that products name, the default one, and that of products that live elsewhere.
    package let rateClasses: Set<String>

    package init(meters: [Meter], features: [Feature], rateClasses: [RateClass] = []) {
        self.init(
            meters: Set(meters.map(\.name)), features: Set(features.map(\.name)),
            rateClasses: Set((rateClasses + [.default, .checks]).map(\.name)))
    }

    private init(meters: Set<String>, features: Set<String>, rateClasses: Set<String>) {
        self.meters = meters
        self.features = features
        self.rateClasses = rateClasses
    }

    func adding(meters others: [Meter], features more: [Feature]) -> Offers {
        Offers(
            meters: meters.union(others.map(\.name)), features: features.union(more.map(\.name)),
            rateClasses: rateClasses)
    }
}
