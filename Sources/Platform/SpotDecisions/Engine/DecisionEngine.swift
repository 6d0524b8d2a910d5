/// Decides whether an instance stays in its spot pool. A pure function of its input: it changes nothing.
package struct DecisionEngine: Sendable {
    package let configuration: DecisionConfiguration

    package init(_ configuration: DecisionConfiguration) { self.configuration = configuration }

    /// Runs the stages of the configuration in their order; in the mode ``DecisionConfiguration/Mode/lab``, those of
    /// ``LabPipeline``.
    package func decide(_ input: DecisionInput) -> DecisionOutcome {
        if configuration.mode == .lab { return LabPipeline(configuration).decide(input) }
        var run = DecisionRun(input, configuration)
        for stage in DecisionStage.allCases where configuration.stages.contains(stage) {
            switch stage {
            case .input: run.collect()
            case .hardwareFilter: run.filterHardware()
            case .advisorFilter: run.filterInterrupted()
            case .rightSizing: run.filterOversized()
            case .riskModel: run.score()
            case .safetyGate: run.filterUnsafe()
            case .binPacking: run.computeWaste()
            case .costSort: run.sortByCost()
            case .signalOverride: run.decide()
            case .actuation: run.actuate()
            }
        }
        return run.outcome
    }
}
