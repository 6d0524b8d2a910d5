package import Base

/// Everything that a decision depends on.
package struct DecisionInput: Sendable {
    /// What is decided about.
    package enum Target: Sendable {
        /// One instance in its own pool.
        case instance(SpotPool)
        /// A workload on a cluster, which may be in any pool that fits.
        /// - Parameter current: the pool that it is in, if it is in one.
        case cluster(needs: Hardware, current: SpotPool?)
    }

    package var target: Target
    /// The pools that are known. For one instance: its own pool, and those that could take over.
    package var candidates: [Candidate]
    /// The probabilities of the risk model, 0 to 1; empty where there is no model.
    package var risk: [SpotPool: Double]
    package var signal: InterruptionSignal
    package var source: DataSource
    /// The time of the trace's entries.
    package var time: Instant

    package init(
        _ target: Target,
        candidates: [Candidate],
        risk: [SpotPool: Double] = [:],
        signal: InterruptionSignal = .none,
        source: DataSource,
        time: Instant
    ) {
        self.target = target
        self.candidates = candidates
        self.risk = risk
        self.signal = signal
        self.source = source
        self.time = time
    }
}
