import Base
import SpotDecisions
import Testing

/// Decisions about one instance.
@Suite struct DecisionEngineTests {
    @Test(
        arguments: [
            (0.0, Decision.stay), (0.28, .stay), (0.8499, .stay), (0.85, .switch), (0.86, .switch), (1.0, .switch),
        ])
    func `an instance stays below the bound of the crash probability`(risk: Double, expected: Decision) throws {
        let outcome = try DecisionFixture.decide(risk: [DecisionFixture.own: risk, DecisionFixture.other: 0.1])
        #expect(outcome.decision == expected)
        #expect(outcome.crashProbability == risk)
        #expect(outcome.selected?.pool == (expected == .stay ? DecisionFixture.own : DecisionFixture.other))
        #expect(outcome.candidatesEvaluated == 1)
        #expect(outcome.projectedHourlySavings == (expected == .stay ? 66_000 : 56_000))
    }

    @Test func `a pool without a score has the probability 0.5, and the trace says so`() throws {
        for risk in [[:], [DecisionFixture.own: Double.nan], [DecisionFixture.own: 1.5]] {
            let outcome = try DecisionFixture.decide(risk: risk)
            #expect(outcome.decision == .stay && outcome.crashProbability == 0.5)
            #expect(outcome.trace.contains { $0.stage == .riskModel && $0.level == .warning })
        }
    }

    @Test func `a pool that is not known to be safe is no replacement`() throws {
        let outcome = try DecisionFixture.decide(risk: [DecisionFixture.own: 0.9])
        #expect(outcome.decision == .switch && outcome.selected == nil)
        #expect(outcome.reason.hasSuffix("No other pool is known to be safe."))
        #expect(outcome.projectedHourlySavings == 66_000)
    }

    @Test(arguments: [(0.20, Decision.stay), (0.225, .switch), (nil, .stay)] as [(Double?, Decision)])
    func `a pool that is interrupted too often is left`(rate: Double?, expected: Decision) throws {
        let outcome = try DecisionFixture.decide(rate: rate)
        #expect(outcome.decision == expected)
        #expect(outcome.crashProbability == 0.3, "a dropped pool is scored too")
    }

    @Test(arguments: [0.1, 0.99])
    func `a signal of AWS wins whatever the model says`(risk: Double) throws {
        let ends = try DecisionFixture.decide(risk: [DecisionFixture.own: risk], signal: .instanceTermination)
        #expect(ends.decision == .evacuate && ends.signal == .instanceTermination)
        let rebalance = try DecisionFixture.decide(
            risk: [DecisionFixture.own: risk], signal: .rebalanceRecommendation)
        #expect(rebalance.decision == .drain)
        #expect(rebalance.trace.contains { $0.logType == .override && $0.level == .warning })
        let none = try DecisionFixture.decide(risk: [DecisionFixture.own: risk])
        #expect(none.trace.contains { $0.logType == .override && $0.level == .info })
    }

    @Test func `thresholds are settings`() throws {
        let strict = try #require(DecisionThresholds(crashProbabilityMax: 0.2, interruptRateMax: 0.01))
        #expect(try DecisionFixture.decide(.test(strict)).decision == .switch)
        #expect(DecisionThresholds(crashProbabilityMax: 1.01, interruptRateMax: 0) == nil)
        #expect(DecisionThresholds(crashProbabilityMax: 0.5, interruptRateMax: .nan) == nil)
    }

    @Test func `without a price the decision is UNKNOWN, and the trace has the error`() {
        for configuration in [DecisionConfiguration.test(), .lab(), .production()] {
            let outcome = DecisionEngine(configuration).decide(
                DecisionInput(
                    .instance(DecisionFixture.own), candidates: [], source: .builtin, time: DecisionFixture.time))
            #expect(outcome.decision == .unknown && outcome.candidatesEvaluated == 0)
            #expect(outcome.projectedHourlySavings == 0 && outcome.selected == nil)
            #expect(outcome.trace.contains { $0.logType == .error && $0.level == .error })
            #expect(!outcome.trace.contains { $0.logType == .success })
        }
    }

    @Test func `the trace is the live log, in the order of the stages`() throws {
        let outcome = try DecisionFixture.decide()
        #expect(
            outcome.trace.map(\.logType) == [.scraper, .logic, .logic, .logic, .logic, .override, .action, .success])
        #expect(outcome.trace.allSatisfy { $0.time == DecisionFixture.time && !$0.message.isEmpty })
        #expect(outcome.trace.first?.data["spot_price"] == 0.03)
        #expect(outcome.trace.first?.data["source"] == "aws")
    }

    @Test func `a decision is a function of its input`() throws {
        let (first, second) = try (DecisionFixture.decide(), DecisionFixture.decide())
        #expect(first.trace == second.trace && first.selected == second.selected)
    }
}
