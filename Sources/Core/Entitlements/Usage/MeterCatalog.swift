package import Modules

/// All meters that can be counted: those of the products in this program, then those that the plans add.
final class MeterCatalog: Sendable {
    private let productMeters: [Meter]
    private let plans: PlanCatalog

    /// - Parameter productMeters: in the order in which usage lists them.
    init(productMeters: [Meter], plans: PlanCatalog) {
        self.productMeters = productMeters
        self.plans = plans
    }

    var all: [Meter] {
        let names = productMeters.map(\.name)
        return productMeters + plans.current.meters.filter { !names.contains($0.name) }
    }

    subscript(name: String) -> Meter? { all.first { $0.name == name } }

    /// - Throws: `unknown-meter`.
    func require(_ name: String) throws(Problem) -> Meter {
        guard let meter = self[name] else { throw Problem(.unknownMeter, detail: "There is no meter '\(name)'.") }
        return meter
    }
}

extension Problem.Kind {
    package static let unknownMeter = Self("unknown-meter", "There is no such meter", status: 422)
}
