/// What a workflow may be, by the plan of its owner.
package struct GoalGraphLimits: Hashable, Sendable {
    package var nodesMax: Int
    /// For the sum of all estimates.
    package var budget: MicroDollars
    /// For the estimated time of the whole graph.
    package var secondsMax: Double
    /// The level of the workflow: tools above it are refused.
    package var trust: TrustLevel

    package init(
        nodesMax: Int = 50, budget: MicroDollars = MicroDollars(10_000_000), secondsMax: Double = 3_600,
        trust: TrustLevel = .standard
    ) {
        self.nodesMax = nodesMax
        self.budget = budget
        self.secondsMax = secondsMax
        self.trust = trust
    }
}
