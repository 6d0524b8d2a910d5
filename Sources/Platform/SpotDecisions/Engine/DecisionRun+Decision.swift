import Base

/// The stages that decide, and say what is to be done.
extension DecisionRun {
    mutating func decide() {
        switch input.target {
        case .instance: decideForInstance()
        case .cluster: decideForCluster()
        }
        log(
            .signalOverride, decision == .unknown ? .error : .logic, decision == .unknown ? .error : .info,
            "\(decision.rawValue): \(reason)", decisionData)
        overrideBySignal()
    }

    /// The signal of AWS wins over any decision of the model: the instance ends, whatever the probability.
    mutating func overrideBySignal() {
        let signal = input.signal
        let data: [String: JSONValue] = ["aws_signal": .string(signal.rawValue)]
        guard signal != .none else { return log(.signalOverride, .override, "AWS has announced nothing.", data) }
        guard configuration.honoursSignals else {
            return log(
                .signalOverride, .override, .warning,
                "AWS sent \(signal.rawValue), which the cluster handles: the decision remains \(decision.rawValue).",
                data)
        }
        let before = decision
        switch signal {
        case .instanceTermination:
            decision = .evacuate
            reason = "AWS ends this instance within two minutes (\(signal.rawValue))."
        case .rebalanceRecommendation:
            decision = .drain
            reason = "AWS expects an interruption of this instance (\(signal.rawValue))."
        case .none: break
        }
        log(
            .signalOverride, .override, .warning,
            "\(signal.rawValue) overrides \(before.rawValue): \(decision.rawValue).", data)
    }

    mutating func actuate() {
        let action =
            switch decision {
            case .stay, .unknown: "Nothing is to be done."
            case .switch:
                selected.map { "A replacement in \($0.pool) is to be started." }
                    ?? "There is no safe pool for a replacement."
            case .drain:
                "The instance is to be drained\(configuration.actuator == .kubernetes ? ": cordon its node" : "")."
            case .evacuate:
                "The instance is to be left\(configuration.actuator == .kubernetes ? ": drain its node" : " at once")."
            }
        log(
            .actuation, .action, action,
            ["actuator": .string(configuration.actuator.rawValue), "decision": .string(decision.rawValue)])
        guard decision != .unknown else {
            return log(.actuation, .error, .error, "The evaluation ended without a decision.")
        }
        log(
            .actuation, .success, "The evaluation is complete: \(decision.rawValue).",
            ["hourly_savings": .number(outcome.projectedHourlySavings.microdollarsInDollars)])
    }

    private mutating func decideForInstance() {
        guard let current else {
            reason = "There is no price of this instance's pool."
            return
        }
        guard let probability = current.crashProbability else {
            reason = "The risk of this instance's pool was not computed."
            return
        }
        let thresholds = configuration.thresholds
        let bound = MessageText.share(thresholds.crashProbabilityMax)
        if current.filteredReason == .interruptRate, let rate = current.interruptRate {
            decision = .switch
            reason =
                "Instances of this pool are interrupted at a rate of \(MessageText.share(rate)) a month, above "
                + "\(MessageText.share(thresholds.interruptRateMax))."
        } else if probability < thresholds.crashProbabilityMax {
            decision = .stay
            reason = "The crash probability of \(MessageText.share(probability)) is below \(bound)."
            selected = current
            return
        } else {
            decision = .switch
            reason = "The crash probability of \(MessageText.share(probability)) is not below \(bound)."
        }
        selected = replacement(of: current)
        reason += selected.map { " \($0.pool) is the best other pool." } ?? " No other pool is known to be safe."
    }

    /// The other pool with the best discount less risk, among those that pass the filters of the configuration. A pool
    /// that the model does not cover is not known to be safer than the current one.
    private func replacement(of current: Candidate) -> Candidate? {
        let thresholds = configuration.thresholds
        let safe = input.candidates.compactMap { candidate -> Candidate? in
            guard candidate.pool != current.pool,
                candidate.hardware.architecture == current.hardware.architecture,
                candidate.hardware.isLargeEnough(for: current.hardware),
                (candidate.interruptRate ?? 0) <= thresholds.interruptRateMax,
                let probability = Self.probability(of: candidate.pool, in: input.risk),
                probability < thresholds.crashProbabilityMax
            else { return nil }
            var scored = candidate
            scored.crashProbability = probability
            return scored
        }
        return safe.min { left, right in
            let (leftScore, rightScore) = (left.discountLessRisk, right.discountLessRisk)
            return leftScore == rightScore ? left.pool < right.pool : leftScore > rightScore
        }
    }

    private mutating func decideForCluster() {
        guard !candidates.isEmpty else {
            reason = "There is no price of any pool."
            return
        }
        guard let best = ranking.first else {
            decision = .stay
            selected = current
            reason = "None of \(candidates.count) candidates fits and is safe."
            return
        }
        selected = best
        guard best.pool != currentPool else {
            decision = .stay
            reason = "The current pool is the best of \(ranking.count)."
            return
        }
        decision = .switch
        reason = "\(best.pool) is the best of \(ranking.count) pools."
    }

    private var decisionData: [String: JSONValue] {
        var data: [String: JSONValue] = ["decision": .string(decision.rawValue)]
        if let selected { data["selected"] = .string(selected.pool.description) }
        if let probability = (current ?? selected)?.crashProbability {
            data["crash_probability"] = .number(probability)
        }
        return data
    }
}

extension Candidate {
    /// The score of the linear pipeline: the discount less the probability.
    var discountLessRisk: Double { discountDepth - (crashProbability ?? DecisionRun.unknownRisk) }
}
