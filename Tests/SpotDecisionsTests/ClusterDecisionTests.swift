import Base
import SpotDecisions
import Testing

/// Decisions about a workload on a cluster: all stages.
@Suite struct ClusterDecisionTests {
    private let needs: Hardware

    init() throws { needs = try DecisionFixture.hardware(4, gib: 8) }

    private func decide(
        _ candidates: [Candidate], risk: [SpotPool: Double] = [:], current: SpotPool? = nil,
        signal: InterruptionSignal = .none
    ) -> DecisionOutcome {
        DecisionEngine(.production()).decide(
            DecisionInput(
                .cluster(needs: needs, current: current), candidates: candidates, risk: risk, signal: signal,
                source: .aws, time: DecisionFixture.time))
    }

    private func pool(_ type: String) -> SpotPool { SpotPool(type, "ap-south-1a") }

    @Test func `every stage drops what it is for, and the best candidate that remains is selected`() throws {
        let large = try DecisionFixture.hardware(8, gib: 16)
        let candidates = try [
            DecisionFixture.candidate(pool("a1.xlarge"), hardware: DecisionFixture.hardware(4, gib: 8, .arm64)),
            DecisionFixture.candidate(pool("c5.large"), hardware: DecisionFixture.hardware(2, gib: 4)),
            DecisionFixture.candidate(pool("c5.4xlarge"), hardware: DecisionFixture.hardware(16, gib: 32)),
            DecisionFixture.candidate(pool("m4.xlarge"), rate: 0.225, hardware: needs),
            DecisionFixture.candidate(pool("r5.xlarge"), hardware: needs),
            DecisionFixture.candidate(pool("c5.xlarge"), spot: 60_000, hardware: needs),
            DecisionFixture.candidate(pool("m5.xlarge"), spot: 50_000, hardware: needs),
            DecisionFixture.candidate(pool("c5.2xlarge"), spot: 60_000, hardware: large),
        ]
        let risk = Dictionary(uniqueKeysWithValues: candidates.map { ($0.pool, 0.2) }).merging([pool("r5.xlarge"): 0.9])
        {
            $1
        }
        let outcome = decide(candidates, risk: risk)
        #expect(outcome.decision == .switch && outcome.selected?.pool == pool("m5.xlarge"))
        #expect(outcome.candidatesEvaluated == 8)
        #expect(outcome.ranking.map(\.pool) == [pool("m5.xlarge"), pool("c5.xlarge"), pool("c5.2xlarge")])
        #expect(outcome.trace.compactMap { $0.data["dropped"]?.integer } == [2, 1, 1, 1])
        // 60 with half of its processors unused costs 90; of that, 50 is 55.6 %.
        #expect(outcome.ranking[2].wasteCost == 0.03 && outcome.ranking[2].yieldScore == 0)
        let score = try #require(outcome.ranking[0].yieldScore)
        #expect(abs(score - 100 * (1 - 5.0 / 9) * 0.8) < 1e-9)
        #expect(outcome.trace.contains { $0.data["actuator"] == "kubernetes" })
    }

    @Test func `a workload in the best pool stays, and so does one without a safe pool`() throws {
        let candidates = try [DecisionFixture.candidate(pool("c5.xlarge"), hardware: needs)]
        let best = decide(candidates, risk: [pool("c5.xlarge"): 0.1], current: pool("c5.xlarge"))
        #expect(best.decision == .stay && best.selected?.pool == pool("c5.xlarge"))
        let none = decide(candidates, risk: [pool("c5.xlarge"): 0.99])
        #expect(none.decision == .stay && none.selected == nil)
        #expect(none.reason == "None of 1 candidates fits and is safe.")
    }

    @Test func `a cluster handles signals itself: they are logged, and do not override`() throws {
        let outcome = decide(
            [try DecisionFixture.candidate(pool("c5.xlarge"), hardware: needs)], signal: .instanceTermination)
        #expect(outcome.decision == .switch && outcome.signal == .instanceTermination)
        #expect(outcome.trace.contains { $0.logType == .override && $0.level == .warning })
    }

    @Test func `all of 500 candidates are evaluated, and the trace has no line for each`() throws {
        let candidates = try (0..<500).map {
            try DecisionFixture.candidate(
                pool("x\($0).xlarge"), spot: 40_000 + Int64($0 * 7_919 % 500), hardware: needs)
        }
        let outcome = decide(candidates)
        #expect(outcome.candidatesEvaluated == 500 && outcome.ranking.count == 500)
        #expect(outcome.selected?.spotPrice == 40_000)
        #expect(outcome.trace.count < 20)
    }
}
