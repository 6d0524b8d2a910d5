/// Which stages run, and their thresholds.
package struct DecisionConfiguration: Sendable, Hashable {
    /// The value of DECISION_ENGINE_MODE.
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// One instance of a sandbox session.
        case test = "TEST"
        /// A Kubernetes cluster, or one instance.
        case production = "PROD"
        /// ``LabPipeline``.
        case lab = "LAB"
    }

    /// What the last stage does with a decision.
    package enum Actuator: String, Sendable, Hashable, CaseIterable {
        case logOnly = "log"
        case kubernetes
        case metrics
    }

    package let mode: Mode
    package let stages: Set<DecisionStage>
    /// Whether a signal of AWS overrides the decision. A cluster handles the signals of its nodes itself.
    package let honoursSignals: Bool
    package let actuator: Actuator
    package let thresholds: DecisionThresholds

    /// A sandbox session: the stages that concern one instance, signals, and a log alone.
    package static func test(_ thresholds: DecisionThresholds = .init()) -> Self {
        Self(
            mode: .test, stages: [.input, .advisorFilter, .riskModel, .safetyGate, .signalOverride, .actuation],
            honoursSignals: true, actuator: .logOnly, thresholds: thresholds)
    }

    /// All stages with Kubernetes, without the override.
    package static func production(_ thresholds: DecisionThresholds = .init()) -> Self {
        Self(
            mode: .production, stages: Set(DecisionStage.allCases), honoursSignals: false, actuator: .kubernetes,
            thresholds: thresholds)
    }

    /// The same configuration without some of its stages.
    package func without(_ omitted: Set<DecisionStage>) -> Self {
        Self(
            mode: mode, stages: stages.subtracting(omitted), honoursSignals: honoursSignals, actuator: actuator,
            thresholds: thresholds)
    }

    /// The linear pipeline of an experiment.
    package static func lab(_ thresholds: DecisionThresholds = .init()) -> Self {
        Self(
            mode: .lab, stages: [.input, .advisorFilter, .riskModel, .signalOverride, .actuation],
            honoursSignals: true, actuator: .logOnly, thresholds: thresholds)
    }
}

/// The bounds above which a pool is not safe.
package struct DecisionThresholds: Sendable, Hashable {
    /// MAX_CRASH_PROBABILITY.
    package let crashProbabilityMax: Double
    /// MAX_HISTORIC_INTERRUPT_RATE.
    package let interruptRateMax: Double

    package init() { (crashProbabilityMax, interruptRateMax) = (0.85, 0.20) }

    /// - Returns: nil for a value outside of 0 to 1.
    package init?(crashProbabilityMax: Double, interruptRateMax: Double) {
        guard (0...1).contains(crashProbabilityMax), (0...1).contains(interruptRateMax) else { return nil }
        self.crashProbabilityMax = crashProbabilityMax
        self.interruptRateMax = interruptRateMax
    }
}
