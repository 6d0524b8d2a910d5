import Base

/// Rows with features and labels, of all pools within a time.
struct RiskRows {
    private(set) var features: [Float] = []
    private(set) var labels: [Bool] = []

    static let columns = RiskFeature.allCases.count

    var targets: [Float] { labels.map { $0 ? 1 : 0 } }

    /// - Parameters:
    ///   - start: rows from this time on.
    ///   - labelsEnd: no label depends on a price at or after it; nil for all.
    init(_ source: RiskFeatures, from start: Instant?, labelsBefore labelsEnd: Instant?) {
        for pool in source.pools {
            let steps = source.steps(of: pool)
            let lower = max(steps.lowerBound, start.map { PriceGrid.step(atOrAfter: $0) } ?? steps.lowerBound)
            let upper = min(
                steps.upperBound,
                labelsEnd.map { PriceGrid.step(atOrAfter: $0) - PriceGrid.horizon } ?? steps.upperBound)
            guard lower < upper else { continue }
            let known = source.labels(of: pool, lower..<upper).prefix { $0 != nil }.compactMap { $0 }
            features += source.rows(of: pool, lower..<lower + known.count).lazy.map { Float($0) }
            labels += known
        }
    }

    func column(_ index: Int) -> [Double] {
        stride(from: index, to: features.count, by: Self.columns).map { Double(features[$0]) }
    }
}
