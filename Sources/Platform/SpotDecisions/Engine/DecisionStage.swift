/// A stage of a decision, in the order in which stages run. The raw values are part of traces.
package enum DecisionStage: String, Sendable, Hashable, CaseIterable {
    /// Which candidates there are.
    case input
    /// Drops the wrong architecture and what is too small.
    case hardwareFilter = "hardware_filter"
    /// Drops pools that are interrupted often.
    case advisorFilter = "spot_advisor_filter"
    /// Drops what is more than twice as large as the workload needs.
    case rightSizing = "right_sizing"
    /// Gives every candidate its probability.
    case riskModel = "risk_model"
    /// Drops candidates with a high probability, or without one.
    case safetyGate = "safety_gate"
    /// The cost of processors that the workload does not need.
    case binPacking = "bin_packing"
    /// Sorts by cost and risk.
    case costSort = "cost_sort"
    /// Decides; a signal of AWS has the last word.
    case signalOverride = "signal_override"
    /// Says what is to be done.
    case actuation
}
