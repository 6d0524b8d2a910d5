import Base
import SpotDecisions
import Testing

/// The linear pipeline of an experiment.
@Suite struct LabPipelineTests {
    private func decide(
        _ risk: (Double, Double), rates: (Double, Double) = (0.05, 0.05), signal: InterruptionSignal = .none
    ) throws -> DecisionOutcome {
        let candidates = try [
            DecisionFixture.candidate(rate: rates.0), DecisionFixture.candidate(DecisionFixture.other, rate: rates.1),
            DecisionFixture.candidate(SpotPool("m5.large", "ap-south-1a"), spot: 1),
        ]
        return LabPipeline().decide(
            DecisionInput(
                .instance(DecisionFixture.own), candidates: candidates,
                risk: [DecisionFixture.own: risk.0, DecisionFixture.other: risk.1], signal: signal, source: .builtin,
                time: DecisionFixture.time))
    }

    @Test func `the pool with the best discount less risk is selected`() throws {
        let outcome = try decide((0.4, 0.2))
        #expect(outcome.decision == .switch && outcome.selected?.pool == DecisionFixture.other)
        #expect(outcome.candidatesEvaluated == 2, "other types are left out")
        #expect(outcome.selected?.yieldScore == 1 - 30.0 / 96 - 0.2)
        #expect(outcome.projectedHourlySavings == 66_000)
        #expect(outcome.source == .builtin)
    }

    @Test func `the current pool is left only for a better and safe one`() throws {
        let optimal = try decide((0.2, 0.4))
        #expect(optimal.decision == .stay && optimal.reason == "The current pool is already the best one.")
        #expect(try decide((0.9, 0.85)).decision == .stay)
        #expect(try decide((0.9, 0.84)).decision == .switch)
        #expect(try decide((0.3, 0.1), rates: (0.05, 0.20)).decision == .stay, "the bound of the rate is not safe")
        let none = try decide((0.1, 0.1), rates: (0.2, 0.3))
        #expect(none.decision == .stay && none.ranking.isEmpty)
    }

    @Test func `a signal of AWS has the last word`() throws {
        #expect(try decide((0.2, 0.4), signal: .instanceTermination).decision == .evacuate)
        #expect(try decide((0.2, 0.4), signal: .rebalanceRecommendation).decision == .drain)
    }
}
