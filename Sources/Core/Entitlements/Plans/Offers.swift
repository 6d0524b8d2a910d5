/// The names that plans may use: the meters, features and rate classes of the products. Other names are faults.
package struct Offers: Sendable {
    package let meters: Set<String>
    package let features: Set<String>
    /// Those of the products, ``RateClass/default`` and ``RateClass/checks``.
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
