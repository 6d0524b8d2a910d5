import AWS
import Modules
import SpotDecisions

/// What is known of the pools that an instance could run in, at one time.
struct Market: Sendable {
    let candidates: [Candidate]
    /// The history of prices; empty where AWS was not asked.
    var prices: [SpotPrice] = []
    var signal = InterruptionSignal.none
    let source: DataSource
    /// What AWS says of the instance; nil where AWS was not asked or does not know it.
    var instance: EC2Instance?
    /// What the log says about how this was learned.
    var lines: [LogLine] = []

    /// What the instance costs in its pool; nil for a pool without a price.
    func prices(of pool: SpotPool) -> PoolPrices? {
        candidates.first { $0.pool == pool }.map { candidate in
            PoolPrices(
                pool: pool, spotPrice: instance?.isSpot == false ? candidate.onDemandPrice : candidate.spotPrice,
                onDemandPrice: candidate.onDemandPrice, source: source)
        }
    }
}
