import Base

/// The linear pipeline of an experiment: the prices of one type in each zone, a filter, the assigned model, a decision.
package struct LabPipeline: Sendable {
    private let configuration: DecisionConfiguration

    package init(_ thresholds: DecisionThresholds = .init()) { configuration = .lab(thresholds) }

    init(_ configuration: DecisionConfiguration) { self.configuration = configuration }

    /// - Parameter input: its target is one instance; candidates of other types are left out.
    package func decide(_ input: DecisionInput) -> DecisionOutcome {
        var run = DecisionRun(input, configuration)
        run.collectZones()
        run.filterOftenInterrupted()
        run.score()
        run.sortByDiscountLessRisk()
        run.decideInLab()
        run.actuate()
        return run.outcome
    }
}

/// The stages in which the pipeline differs from the engine.
extension DecisionRun {
    fileprivate mutating func collectZones() {
        guard let pool = currentPool else {
            return log(.input, .error, .error, "The linear pipeline needs the pool of an instance.")
        }
        candidates = input.candidates.filter { $0.pool.instanceType == pool.instanceType }
        log(
            .input, candidates.isEmpty ? .error : .scraper, candidates.isEmpty ? .error : .info,
            candidates.isEmpty
                ? "There is no price of \(pool.instanceType) in any zone."
                : "Prices of \(pool.instanceType) in \(candidates.count) zones (source: \(input.source.rawValue)).",
            [
                "source": .string(input.source.rawValue),
                "spot_prices": .object(
                    Dictionary(
                        candidates.prefix(Self.zonesMax).map {
                            ($0.pool.availabilityZone, .number($0.spotPrice.microdollarsInDollars))
                        }
                    ) { first, _ in first }),
            ])
    }

    /// The most zones that a trace entry names; no region has as many.
    private static let zonesMax = 16

    /// The bound itself is not safe here, unlike in the engine.
    fileprivate mutating func filterOftenInterrupted() {
        let bound = configuration.thresholds.interruptRateMax
        drop(.advisorFilter, "interrupted at a rate of \(MessageText.share(bound)) or more") {
            ($0.interruptRate ?? 0) >= bound ? .interruptRate : nil
        }
    }

    fileprivate mutating func sortByDiscountLessRisk() {
        for index in candidates.indices where candidates[index].filteredReason == nil {
            candidates[index].yieldScore = candidates[index].discountLessRisk
        }
        candidates.sort { left, right in
            guard (left.filteredReason == nil) == (right.filteredReason == nil) else {
                return left.filteredReason == nil
            }
            let (leftScore, rightScore) = (left.discountLessRisk, right.discountLessRisk)
            return leftScore == rightScore ? left.pool < right.pool : leftScore > rightScore
        }
    }

    fileprivate mutating func decideInLab() {
        let bound = configuration.thresholds.crashProbabilityMax
        if candidates.isEmpty {
            reason = "There is no price of this type in any zone."
        } else if let best = ranking.first, let probability = best.crashProbability {
            if probability >= bound {
                decision = .stay
                selected = current
                reason =
                    "The best pool, \(best.pool), has a crash probability of \(MessageText.share(probability)), "
                    + "not below \(MessageText.share(bound))."
            } else if best.pool == currentPool {
                decision = .stay
                selected = best
                reason = "The current pool is already the best one."
            } else {
                decision = .switch
                selected = best
                reason = "\(best.pool) has the best discount less risk: \(MessageText.share(best.discountLessRisk))."
            }
        } else {
            decision = .stay
            selected = current
            reason = "No zone has a pool that is interrupted seldom enough."
        }
        log(
            .signalOverride, decision == .unknown ? .error : .logic, decision == .unknown ? .error : .info,
            "\(decision.rawValue): \(reason)", ["decision": .string(decision.rawValue)])
        overrideBySignal()
    }
}
