import Base
import SpotDecisions
import Testing

/// Candidates and inputs of decisions.
enum DecisionFixture {
    static let time = Instant(seconds: 1_900_000_000)
    static let own = SpotPool("c5.large", "ap-south-1a")
    static let other = SpotPool("c5.large", "ap-south-1b")

    static func hardware(_ vcpus: Int = 2, gib: Int = 4, _ architecture: Architecture = .x86) throws -> Hardware {
        try #require(Hardware(vcpus: vcpus, memoryMiB: gib * 1024, architecture: architecture))
    }

    static func candidate(
        _ pool: SpotPool = own, spot: Int64 = 30_000, onDemand: Int64 = 96_000, rate: Double? = 0.05,
        hardware: Hardware? = nil
    ) throws -> Candidate {
        try #require(
            Candidate(
                pool, hardware: hardware ?? self.hardware(), spotPrice: spot, onDemandPrice: onDemand,
                interruptRate: rate))
    }

    /// A decision about the instance in ``own``, with ``other`` beside it.
    static func decide(
        risk: [SpotPool: Double] = [own: 0.3, other: 0.1], rate: Double? = 0.05, signal: InterruptionSignal = .none,
        _ configuration: DecisionConfiguration = .test()
    ) throws -> DecisionOutcome {
        let candidates = try [candidate(rate: rate), candidate(other, spot: 40_000)]
        return DecisionEngine(configuration).decide(
            DecisionInput(
                .instance(own), candidates: candidates, risk: risk, signal: signal, source: .aws, time: time))
    }
}
