import Base
import Modules
import Secrets
import Testing

@testable import Audit

/// The chain by itself: what is untouched verifies, and what was touched does not.
@Suite struct ChainTests {
    @Test func `an untouched trail verifies, by the installation, by others, and from any checkpoint`() throws {
        let trail = try Trail.sample()
        for report in [trail.verify(), trail.verify(seals: false)] {
            #expect(report.findings.map(\.description) == [])
            #expect(report.rows == Int64(trail.rows.count))
            #expect(report.checkpoints == 2)
            #expect(report.erased == 3 && report.newest?.number == 2)
        }
        for start in trail.checkpoints {
            #expect(
                trail.verify(from: start, reservationResolvers: trail.checkpoints).findings.map(\.description) == [])
        }
        #expect(Trail().verify().isSound)
    }

    @Test func `ten thousand random changes are found, each of them`() throws {
        let trail = try Trail.sample()
        var tampering = Tampering(seed: 20_260_131)
        for _ in 0..<10_000 {
            var changed = trail
            let deed = try tampering.tamper(with: &changed)
            if changed.isSound { Issue.record("\(deed)") }
        }
    }

    @Test func `an edit is found by the row that was edited, though the row after it hangs on it`() throws {
        var trail = try Trail.sample()
        let index = try #require(trail.rows.firstIndex { $0.place == AuditChainPosition(shard: 0, sequence: 3) })
        trail.rows[index].personal[.details] = #"{"number":"1000000"}"#
        let report = trail.verify()
        #expect(report.findingCount == 1)
        #expect(report.findings.first?.description.hasPrefix("Row 0:3 (\(trail.rows[index].id)) was edited") == true)
    }

    /// Without the installation's key somebody can link rows anew, but not seal them; with it, the checkpoints are still signed over the old ones.
    @Test
    func `a chain that was linked anew from an edit on is found by its seals, and by its checkpoints without them`()
        throws
    {
        var trail = try Trail.sample()
        var previous = AuditRow.beginning
        for index in trail.rows.indices where trail.rows[index].shard == 0 {
            if trail.rows[index].sequence == 2 { trail.rows[index] = trail.rows[index].with(outcome: "refused") }
            trail.rows[index].hash = trail.rows[index].link(
                after: previous, erasure: trail.rows[index].erasure.flatMap { AuditErasure($0) })
            previous = trail.rows[index].hash
        }
        #expect(trail.verify().findings.first?.description.contains("its seal is wrong") == true)
        for index in trail.rows.indices { trail.rows[index].seal = Trail.keys.seal(of: trail.rows[index].hash) }
        #expect(
            trail.verify().findings.first?.description.contains("is not the row that checkpoint 1 was signed over")
                == true)
        // Nobody who signed anything, nothing to compare with: this is what checkpoints are for.
        (trail.checkpoints, trail.checkpointCount) = ([], 0)
        #expect(trail.verify().isSound)
    }

    @Test func `a trail that was put back to an earlier state is found by a checkpoint from outside`() throws {
        var earlier = Trail()
        for number in 0..<5 {
            try earlier.write(AuditEvent("test.written", subject: "\(number)"), shard: Int64(number % 2))
        }
        try earlier.sign()
        var trail = earlier
        try trail.write(AuditEvent("test.written"), shard: 0)
        try trail.sign()
        #expect(earlier.verify().findings.map(\.description) == [], "of itself it is as it was then")
        #expect(earlier.verify(reservationResolvers: [trail.checkpoints[0]]).isSound)
        #expect(
            earlier.verify(reservationResolvers: [trail.checkpoints[1]]).findings.first?.description.contains(
                "put back to an earlier state") == true)
    }

    @Test func `a checkpoint reads as it was written, and only its own key makes it genuine`() throws {
        let trail = try Trail.sample()
        let checkpoint = try #require(trail.checkpoints.last)
        #expect(try AuditCheckpoint(json: checkpoint.json) == checkpoint)
        #expect(checkpoint.count == Int64(trail.rows.count) - 1)
        #expect(checkpoint.isGenuine(under: [Trail.signing.id.text: Trail.signing.publicBytes]))
        #expect(!checkpoint.isGenuine(under: [Trail.signing.id.text: Ed25519Key().publicBytes]))
        #expect(!checkpoint.isGenuine(under: [:]))
        #expect(throws: Problem.self) { try AuditCheckpoint(json: "{}") }
    }

    @Test func `what was erased is gone from the row, salts included, and both erasures of a row count`() throws {
        var trail = Trail()
        try trail.write(
            AuditEvent(
                "account.changed", actor: "administrator", subject: "somebody", address: "192.0.2.1",
                details: ["old": "x"]), shard: 0)
        let before = trail.rows[0]
        try trail.forget("somebody", as: "erased-1", shard: 0)
        #expect(
            trail.rows[0].personal == [
                .actor: "administrator", .subject: "erased-1", .address: "192.0.2.1", .details: "{}",
            ])
        try trail.forget("administrator", as: "erased-2", shard: 0)
        #expect(trail.rows[0].personal == [.actor: "erased-2", .subject: "erased-1", .details: "{}"])
        #expect(trail.verify().findings.map(\.description) == [])
        let kept = "\(trail.rows[0])"
        for field in PersonalField.allCases {
            #expect(!kept.contains(Hex.encode(AuditRow.salt(of: field, before.salt))))
        }
        #expect(!kept.contains(before.salt) && !kept.contains("somebody") && !kept.contains("administrator"))
    }
}
