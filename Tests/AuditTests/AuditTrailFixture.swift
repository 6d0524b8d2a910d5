import Base
import Modules
import Secrets
import Synchronization

@testable import Audit

/// An audit trail in memory.
struct AuditTrailFixture: Equatable {
    var rows: [AuditRow] = []
    var checkpoints: [AuditCheckpoint] = []
    var shards = Dictionary(uniqueKeysWithValues: (0..<AuditSchema.shardCount).map { ($0, Int64(0)) })
    var checkpointCount: Int64 = 0

    static let keys = AuditKeys(sealer: Sealer(secret: "a test installation"))
    static let signing = AuditSigningKey(id: ID(trusted: "0198a000-0000-7000-8000-000000000001"), key: Ed25519Key())

    /// Caches the verification of signatures: the random test verifies most checkpoints ten thousand times.
    final class SignatureCache: Sendable {
        private let results = Mutex<[AuditCheckpoint: Bool]>([:])

        func isGenuine(_ checkpoint: AuditCheckpoint) -> Bool {
            results.withLock { results in
                if let result = results[checkpoint] { return result }
                let result = checkpoint.isGenuine(under: [signing.id.text: signing.publicBytes])
                results[checkpoint] = result
                return result
            }
        }
    }

    static let signatures = SignatureCache()

    mutating func write(_ event: AuditEvent, shard: Int64, id: ID<AuditEvent> = Runtime.system.id()) throws {
        let sequence = (shards[shard] ?? 0) + 1
        let previous = rows.last { $0.shard == shard }?.hash ?? AuditRow.initialHash
        let position = ReservedAuditChainPosition(shard: shard, sequence: sequence, previous: previous)
        let salt = Hex.encode(Runtime.system.randomBytes(16))
        var row = AuditRow(
            event, id: id, at: Instant(seconds: 1_769_860_800 + Int64(rows.count)), position: position, salt: salt)
        row.hash = row.link(after: previous)
        row.seal = Self.keys.seal(of: row.hash)
        rows.append(row)
        shards[shard] = sequence
    }

    mutating func sign() throws {
        checkpointCount += 1
        let last = Dictionary(rows.map { ($0.shard, $0) }) { $1 }
        let heads = last.values.sorted { $0.position < $1.position }.map {
            AuditCheckpoint.Head(shard: $0.shard, sequence: $0.sequence, hash: $0.hash)
        }
        let checkpoint = try AuditCheckpoint(
            number: checkpointCount,
            at: Instant(seconds: 1_769_860_800 + Int64(rows.count)),
            heads: heads,
            previous: checkpoints.last?.digest ?? AuditRow.initialHash,
            signedWith: Self.signing
        )
        checkpoints.append(checkpoint)
    }

    /// Does to the rows in memory what ``AuditErasureService`` does to the table.
    mutating func erase(_ person: String, as pseudonym: String, shard: Int64) throws {
        let id: ID<AuditEvent> = Runtime.system.id()
        var erased = ErasedFields()
        for index in rows.indices.sorted(by: { rows[$0].position < rows[$1].position })
        where rows[index].personal.values.contains(person) {
            for field in try rows[index].erase(
                AuditErasureService.replacements(in: rows[index], person, pseudonym), by: id.text)
            { erased.add(rows[index], field) }
        }
        try write(
            AuditEvent(AuditErasureService.action, subjectKind: "person", subject: pseudonym, details: erased.details),
            shard: shard, id: id)
    }

    /// Whether verification reports no finding. It stops at the first.
    var isSound: Bool { verify(onlyFirst: true).isSound }

    /// - Parameter seals: whether the seals are verified, which requires the installation's key.
    func verify(
        seals: Bool = true, from start: AuditCheckpoint? = nil, externalCheckpoints: [AuditCheckpoint] = [],
        onlyFirst: Bool = false
    ) -> AuditReport {
        var verifier = AuditVerifier(
            AuditVerifier.State(shards: shards, checkpoints: checkpointCount),
            keys: seals ? Self.keys : nil,
            from: start
        ) { Self.signatures.isGenuine($0) }
        for checkpoint in checkpoints where checkpoint.number > start?.number ?? 0 { verifier.add(checkpoint) }
        for checkpoint in externalCheckpoints { verifier.addExternal(checkpoint) }
        for row in rows.sorted(by: { $0.position < $1.position }) where !onlyFirst || verifier.report.isSound {
            verifier.add(row)
        }
        verifier.finish()
        return verifier.report
    }

    /// A trail with three shards, rows without an actor, an impersonation, an erasure, two checkpoints, and one row
    /// after the newest checkpoint.
    static func sample() throws -> AuditTrailFixture {
        var trail = AuditTrailFixture()
        for index in 0..<9 {
            try trail.write(
                AuditEvent(
                    ["session.created", "run.started", "account.changed"][index % 3],
                    outcome: [.success, .failure, .refused][index % 3],
                    actor: index == 4 ? nil : "person-\(index % 3)",
                    impersonator: index == 5 ? "administrator" : nil,
                    organisation: index % 2 == 0 ? "organisation" : nil,
                    subject: "subject-\(index)",
                    target: index == 6 ? "person-1" : nil,
                    address: "192.0.2.\(index)",
                    requestID: "request-\(index)",
                    details: index == 7 ? [:] : ["number": "\(index)"]
                ),
                shard: Int64([0, 0, 1, 0, 5][index % 5])
            )
            if index == 4 { try trail.sign() }
        }
        try trail.erase("person-1", as: "erased-1", shard: 0)
        try trail.sign()
        try trail.write(AuditEvent("session.ended", actor: "person-0"), shard: 0)
        return trail
    }
}
