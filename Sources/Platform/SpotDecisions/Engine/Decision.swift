/// What to do with an instance or a workload.
package enum Decision: String, Sendable, Hashable, CaseIterable {
    case stay = "STAY"
    /// Move to another pool.
    case `switch` = "SWITCH"
    /// Start no new work on the instance, and let what runs end.
    case drain = "DRAIN"
    /// Leave the instance at once: it ends within minutes.
    case evacuate = "EVACUATE"
    /// There is nothing to decide from, such as a pool without a price.
    case unknown = "UNKNOWN"
}

/// What AWS announced for a spot instance.
package enum InterruptionSignal: String, Sendable, Hashable, CaseIterable {
    case none = "NONE"
    case rebalanceRecommendation = "REBALANCE_RECOMMENDATION"
    case instanceTermination = "INSTANCE_TERMINATION"
}

/// Where prices, rates and probabilities come from. Every decision says so.
package enum DataSource: String, Sendable, Hashable, CaseIterable {
    case aws
    /// The tables of ``BuiltinTables``, where AWS is not reachable.
    case builtin
}
