import Base
import Foundation
import Modules
import Secrets
import Testing

@testable import Audit

/// The verification of a chain in memory.
@Suite struct ChainTests {
    @Test func `an unchanged trail passes verification, with and without seals, and from any checkpoint`() throws {
        let trail = try AuditTrailFixture.sample()
        for report in [trail.verify(), trail.verify(seals: false)] {
            #expect(report.findings.map(\.description) == [])
            #expect(report.rows == Int64(trail.rows.count))
            #expect(report.checkpoints == 2)
            #expect(report.erased == 3 && report.newest?.number == 2)
        }
        for start in trail.checkpoints {
            #expect(
                trail.verify(from: start, externalCheckpoints: trail.checkpoints).findings.map(\.description) == [])
        }
        #expect(AuditTrailFixture().verify().isSound)
    }

    @Test func `each of ten thousand random changes is detected`() throws {
        let trail = try AuditTrailFixture.sample()
        var tampering = Tampering(seed: 20_260_131)
        for _ in 0..<10_000 {
            var changed = trail
            let change = try tampering.tamper(with: &changed)
            if changed.isSound { Issue.record("\(change)") }
        }
    }

    /// Verification compares the stored text, also that of earlier versions.
    @Test func `details have the text that JSONEncoder gives them`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let special = String(String.UnicodeScalarView((0..<0x100).compactMap { UnicodeScalar($0) }))
        for details in [
            [:], ["takes_effect": "now", "person": "p", "plan": "a/b", "Upper": "", "n10": "", "n9": ""],
            ["controls": special, "\u{E9}": "\u{2028}\u{1F600}", "quote\"": "back\\slash"],
        ] {
            #expect(AuditRow.text(of: details) == String(decoding: try encoder.encode(details), as: UTF8.self))
        }
    }

    @Test func `an edit is reported for the edited row only`() throws {
        var trail = try AuditTrailFixture.sample()
        let index = try #require(trail.rows.firstIndex { $0.position == AuditChainPosition(shard: 0, sequence: 3) })
        trail.rows[index].personal[.details] = #"{"number":"1000000"}"#
        let report = trail.verify()
        #expect(report.findingCount == 1)
        #expect(report.findings.first?.description.hasPrefix("Row 0:3 (\(trail.rows[index].id)) was edited") == true)
    }

    /// Without the installation's key an attacker can compute links, but no seals. With it, the checkpoints still
    /// contain the old hashes.
    @Test
    func `a chain with recomputed links is detected by its seals, and by its checkpoints`()
        throws
    {
        var trail = try AuditTrailFixture.sample()
        var previous = AuditRow.initialHash
        for index in trail.rows.indices where trail.rows[index].shard == 0 {
            if trail.rows[index].sequence == 2 { trail.rows[index] = trail.rows[index].with(outcome: "refused") }
            trail.rows[index].hash = trail.rows[index].link(
                after: previous, erasure: trail.rows[index].erasure.flatMap { AuditErasure($0) })
            previous = trail.rows[index].hash
        }
        #expect(trail.verify().findings.first?.description.contains("its seal is wrong") == true)
        for index in trail.rows.indices {
            trail.rows[index].seal = AuditTrailFixture.keys.seal(of: trail.rows[index].hash)
        }
        #expect(
            trail.verify().findings.first?.description.contains("is not the row that checkpoint 1 was signed over")
                == true)
        // Without checkpoints, a chain with recomputed links and seals cannot be detected.
        (trail.checkpoints, trail.checkpointCount) = ([], 0)
        #expect(trail.verify().isSound)
    }

    @Test func `a trail that was reset to an earlier state is detected by an external checkpoint`() throws {
        var earlier = AuditTrailFixture()
        for number in 0..<5 {
            try earlier.write(AuditEvent("test.written", subject: "\(number)"), shard: Int64(number % 2))
        }
        try earlier.sign()
        var trail = earlier
        try trail.write(AuditEvent("test.written"), shard: 0)
        try trail.sign()
        #expect(earlier.verify().findings.map(\.description) == [], "the earlier state is consistent by itself")
        #expect(earlier.verify(externalCheckpoints: [trail.checkpoints[0]]).isSound)
        #expect(
            earlier.verify(externalCheckpoints: [trail.checkpoints[1]]).findings.first?.description.contains(
                "reset to an earlier state") == true)
    }

    @Test func `a checkpoint round-trips through JSON and is genuine under its own key only`() throws {
        let trail = try AuditTrailFixture.sample()
        let checkpoint = try #require(trail.checkpoints.last)
        #expect(try AuditCheckpoint(json: checkpoint.json) == checkpoint)
        #expect(checkpoint.count == Int64(trail.rows.count) - 1)
        #expect(checkpoint.isGenuine(under: [AuditTrailFixture.signing.id.text: AuditTrailFixture.signing.publicBytes]))
        #expect(!checkpoint.isGenuine(under: [AuditTrailFixture.signing.id.text: Ed25519Key().publicBytes]))
        #expect(!checkpoint.isGenuine(under: [:]))
        #expect(throws: Problem.self) { try AuditCheckpoint(json: "{}") }
    }

    @Test func `an erasure deletes values and salts from the row, and two erasures of one row are both counted`() throws
    {
        var trail = AuditTrailFixture()
        try trail.write(
            AuditEvent(
                "account.changed", actor: "administrator", subject: "person-1", address: "192.0.2.1",
                details: ["old": "x"]), shard: 0)
        let before = trail.rows[0]
        try trail.erase("person-1", as: "erased-1", shard: 0)
        #expect(
            trail.rows[0].personal == [
                .actor: "administrator", .subject: "erased-1", .address: "192.0.2.1", .details: "{}",
            ])
        try trail.erase("administrator", as: "erased-2", shard: 0)
        #expect(trail.rows[0].personal == [.actor: "erased-2", .subject: "erased-1", .details: "{}"])
        #expect(trail.verify().findings.map(\.description) == [])
        let stored = "\(trail.rows[0])"
        for field in PersonalField.allCases {
            #expect(!stored.contains(Hex.encode(AuditRow.salt(of: field, before.salt))))
        }
        #expect(!stored.contains(before.salt) && !stored.contains("person-1") && !stored.contains("administrator"))
    }
}
