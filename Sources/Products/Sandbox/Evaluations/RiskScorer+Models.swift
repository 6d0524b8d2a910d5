import AWS
import Modules
package import SpotDecisions

extension RiskScorer {
    /// Scores by trained models from the history of prices of AWS. Without a history, the built-in tables answer.
    /// - Parameters:
    ///   - production: the model of every version without another one; called when there is something to score.
    ///   - experimental: the model of ``LabModel/experimentalVersion``; nil where it has none.
    package init(production: @escaping @Sendable () -> RiskModel, experimental: RiskModel? = nil) {
        self.init { query in
            guard !query.prices.isEmpty else { return BuiltinTables().risk(of: query.candidates) }
            guard let history = Self.history(query) else { return [:] }
            let model = query.version == LabModel.experimentalVersion ? experimental ?? production() : production()
            let scores = model.risk(RiskFeatures(history, through: query.time), at: query.time)
            let pools = Set(query.candidates.map(\.pool))
            return scores.filter { pools.contains($0.key) }
        }
    }

    /// How far back prices of AWS are read.
    static let historyMax = Duration.days(7)

    /// The prices of the pools whose history can be used; nil where there is none. A pool with a gap has no score, and
    /// does not take those of the others away.
    private static func history(_ query: Query) -> PriceHistory? {
        let start = query.time - historyMax
        var points: [SpotPool: [Instant: Int64]] = [:]
        // The latest price comes first, so that of several before the start the last one counts.
        let types = Set(query.candidates.map(\.pool.instanceType))
        for price in query.prices where price.time <= query.time && price.microdollars > 0 {
            guard query.usesFamilyStress || types.contains(price.instanceType) else { continue }
            let pool = SpotPool(price.instanceType, price.availabilityZone)
            let time = max(price.time, start)
            if points[pool]?[time] == nil { points[pool, default: [:]][time] = price.microdollars }
        }
        let usable = points.mapValues { $0.map { PricePoint(time: $0.key, price: $0.value) } }.filter { pool, points in
            (try? PriceHistory([pool: points], now: query.time)) != nil
        }
        return try? PriceHistory(usable, now: query.time)
    }
}
