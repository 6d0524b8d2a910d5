import Modules
import Rates

/// The names that plans may use: the meters, features and rate classes of the products. Other names are faults.
package struct Offers: Sendable {
    package let meters: Set<String>
    package let features: Set<String>
    /// Those of the products, ``RateClass/default``, ``RateClass/checks`` and ``RateClass/writes``.
    package let rateClasses: Set<String>

    package init(meters: [Meter], features: [Feature], rateClasses: [RateClass] = []) {
        self.init(
            meters: Set(meters.map(\.name)), features: Set(features.map(\.name)),
            rateClasses: Set((rateClasses + [.default, .checks, .writes]).map(\.name)))
    }

    private init(meters: Set<String>, features: Set<String>, rateClasses: Set<String>) {
        self.meters = meters
        self.features = features
        self.rateClasses = rateClasses
    }

    /// The faults of a member `limits`.
    func faults(inLimits limits: [String: Limit]?) -> [Problem.Fault] {
        (limits ?? [:]).keys.sorted().filter { !meters.contains($0) }.map {
            Problem.Fault("/limits" + Problem.Fault.step($0), "is no known meter: '\($0)'")
        }
    }

    /// The faults of a member `rates`.
    func faults(inRates rates: [String: [String]]?) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        for (name, texts) in (rates ?? [:]).sorted(by: { $0.key < $1.key }) {
            if !rateClasses.contains(name) {
                faults.append(
                    Problem.Fault("/rates" + Problem.Fault.step(name), "is no known rate class: '\(name)'"))
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
                        "has one to \(Rates.countMax) rates, each with another window"))
            }
        }
        return faults
    }

    func adding(meters others: [Meter], features more: [Feature]) -> Offers {
        Offers(
            meters: meters.union(others.map(\.name)), features: features.union(more.map(\.name)),
            rateClasses: rateClasses)
    }
}
