/// A spot pool that an instance could run in, with what is known of it and what the stages found.
package struct Candidate: Sendable, Hashable {
    package let pool: SpotPool
    package let hardware: Hardware
    /// Millionths of a US dollar an hour.
    package let spotPrice: Int64
    /// Millionths of a US dollar an hour.
    package let onDemandPrice: Int64
    /// The share of instances that are interrupted in a month, 0 to 1; nil where none is published.
    package let interruptRate: Double?

    /// The probability that the pool is interrupted or its price rises, 0 to 1; nil before the risk model ran.
    package internal(set) var crashProbability: Double?
    /// US dollars an hour for processors that the workload does not need; nil before bin packing.
    package internal(set) var wasteCost: Double?
    /// 0 to 100, more is better; nil before the cost sort.
    package internal(set) var yieldScore: Double?
    /// Why a stage dropped it; nil while it remains.
    package internal(set) var filteredReason: FilterReason?

    /// - Parameters:
    ///   - spotPrice: millionths of a US dollar an hour, 0 or more.
    ///   - onDemandPrice: millionths of a US dollar an hour, more than 0.
    ///   - interruptRate: 0 to 1.
    /// - Returns: nil for a price or a rate out of these bounds.
    package init?(
        _ pool: SpotPool, hardware: Hardware, spotPrice: Int64, onDemandPrice: Int64, interruptRate: Double?
    ) {
        guard spotPrice >= 0, onDemandPrice > 0, interruptRate.map({ (0...1).contains($0) }) ?? true else { return nil }
        self.pool = pool
        self.hardware = hardware
        self.spotPrice = spotPrice
        self.onDemandPrice = onDemandPrice
        self.interruptRate = interruptRate
    }

    /// The discount against the price on demand, 0 to 1: no price above it counts as a negative discount.
    package var discountDepth: Double { min(max(1 - Double(spotPrice) / Double(onDemandPrice), 0), 1) }

    /// What an hour at the spot price saves, in millionths of a US dollar; negative above the price on demand.
    package var hourlySavings: Int64 { onDemandPrice - spotPrice }
}

/// Why a stage dropped a candidate.
package enum FilterReason: String, Sendable, Hashable, CaseIterable {
    case architecture
    /// Fewer processors or less memory than the workload needs.
    case tooSmall = "too-small"
    /// More than twice the processors that the workload needs.
    case tooLarge = "too-large"
    case interruptRate = "interrupt-rate"
    case crashProbability = "crash-probability"
    /// The risk model did not run.
    case noScore = "no-score"
}
