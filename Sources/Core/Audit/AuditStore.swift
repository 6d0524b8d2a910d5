import Foundation
import Modules

/// Every SQL statement about the trail's rows.
extension Transaction {
    /// Takes the next place in the chain; it is given back if the transaction does not commit.
    ///
    /// One statement: the first shard that no other transaction is writing to moves on, and tells the hash that it had reached. Nobody
    /// waits for anybody, unless every shard is taken at once.
    /// - Parameter number: picks the shard to wait for in that case.
    func takeAuditPlace(preferring number: Int64) throws -> ReservedAuditChainPosition {
        let taken =
            try first(Self.advance("(SELECT shard FROM audit_shards ORDER BY shard LIMIT 1 \(.skipLocked))"))
            ?? first(Self.advance("\(number % AuditSchema.shardCount)"))
        // Without shards there is no chain to write to, and nothing may happen that cannot be written down.
        guard let taken else {
            throw StorageError(.other, code: "audit", message: "the audit trail has lost its shards")
        }
        let (shard, sequence) = (try taken.read("shard", as: Int64.self), try taken.read("sequence", as: Int64.self))
        if let previous = try taken.read("previous", as: String?.self) {
            return ReservedAuditChainPosition(shard: shard, sequence: sequence, previous: previous)
        }
        // The row before this one may have been committed after the statement began to look: it is there now. If it is not, somebody took
        // it away, which verification will find; the house goes on.
        let previous = sequence == 1 ? nil : try auditHash(at: AuditChainPosition(shard: shard, sequence: sequence - 1))
        return ReservedAuditChainPosition(shard: shard, sequence: sequence, previous: previous ?? AuditRow.beginning)
    }

    private static func advance(_ shard: SQL) -> SQL {
        """
        UPDATE audit_shards SET written = written + 1 WHERE shard = \(shard)
        RETURNING shard, written AS sequence,
            (SELECT hash FROM audit_events WHERE audit_events.shard = audit_shards.shard AND audit_events.sequence = audit_shards.written - 1) AS previous
        """
    }

    func auditHash(at place: AuditChainPosition) throws -> String? {
        try first("SELECT hash FROM audit_events WHERE shard = \(place.shard) AND sequence = \(place.sequence)")?[
            "hash"]
    }

    func insert(_ row: AuditRow) throws {
        try execute(
            """
            INSERT INTO audit_events (id, shard, sequence, at, action, outcome, actor_id, impersonator_id, organisation_id, subject_kind, subject,
                                      target_id, address, request_id, details, salt, hash, seal)
            VALUES (\(row.id), \(row.shard), \(row.sequence), \(row.at), \(row.action), \(row.outcome), \(row.personal[.actor]),
                    \(row.personal[.impersonator]), \(row.organisation), \(row.subjectKind), \(row.personal[.subject]), \(row.personal[.target]),
                    \(row.personal[.address]), \(row.personal[.request]), \(row.personal[.details]), \(row.salt), \(row.hash), \(row.seal))
            """
        )
    }

    /// Rows in the order of their places, those after `place`.
    func auditRows(after place: AuditChainPosition?, atMost count: Int) throws -> [AuditRow] {
        let (shard, sequence) = (place?.shard ?? -1, place?.sequence ?? 0)
        return try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events WHERE (shard, sequence) > (\(shard), \(sequence)) ORDER BY shard, sequence LIMIT \(count)
            """,
            AuditRow.init
        )
    }

    /// Rows that tell something about a person, in the order of their places. What tells of an erasure itself is not among them.
    func auditRows(about person: String, atMost count: Int) throws -> [AuditRow] {
        try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events
            WHERE (actor_id = \(person) OR impersonator_id = \(person) OR subject = \(person) OR target_id = \(person))
              AND action <> \(AuditModule.erasureAction)
            ORDER BY shard, sequence LIMIT \(count) \(.forUpdate)
            """,
            AuditRow.init
        )
    }

    /// Writes down what an erasure changed.
    func updateErased(_ row: AuditRow) throws {
        try execute(
            """
            UPDATE audit_events SET actor_id = \(row.personal[.actor]), impersonator_id = \(row.personal[.impersonator]), subject = \(row.personal[.subject]),
                target_id = \(row.personal[.target]), address = \(row.personal[.address]), request_id = \(row.personal[.request]),
                details = \(row.personal[.details]), salt = \(row.salt), erasure = \(row.erasure)
            WHERE id = \(row.id)
            """
        )
    }

    static var auditColumns: SQL {
        """
        id, shard, sequence, at, action, outcome, actor_id, impersonator_id, organisation_id, subject_kind, subject, target_id, address, request_id,
        details, salt, erasure, hash, seal
        """
    }
}

/// Every SQL statement about the chain's ends, its checkpoints and their keys.
extension Transaction {
    /// How far each shard was written, by shard.
    func auditShards() throws -> [Int64: Int64] {
        let shards = try all("SELECT shard, written FROM audit_shards") {
            (try $0["shard"] as Int64, try $0["written"] as Int64)
        }
        return Dictionary(uniqueKeysWithValues: shards)
    }

    /// The last row of each shard that has any, as of one moment.
    func auditHeads() throws -> [AuditCheckpoint.Head] {
        try all(
            """
            SELECT audit_shards.shard, audit_shards.written, audit_events.hash
            FROM audit_shards LEFT JOIN audit_events ON audit_events.shard = audit_shards.shard AND audit_events.sequence = audit_shards.written
            WHERE audit_shards.written > 0 ORDER BY audit_shards.shard
            """
        ) { row in
            AuditCheckpoint.Head(
                shard: try row["shard"], sequence: try row["written"],
                hash: try row.read("hash", as: String?.self) ?? "")
        }
    }

    /// Counts a checkpoint that is about to be written. Whoever comes at the same time waits, and counts on.
    func countCheckpoint() throws -> Int64 {
        try first("UPDATE audit_state SET checkpoints = checkpoints + 1 WHERE id = 1 RETURNING checkpoints")?[
            "checkpoints"] ?? 0
    }

    func uncountCheckpoint() throws { try execute("UPDATE audit_state SET checkpoints = checkpoints - 1 WHERE id = 1") }

    /// The number of the newest checkpoint that was written; 0 for none.
    func checkpointCount() throws -> Int64 {
        try first("SELECT checkpoints FROM audit_state WHERE id = 1")?["checkpoints"] ?? 0
    }

    func newestCheckpoint() throws -> AuditCheckpoint? {
        try first(
            "SELECT \(Self.checkpointColumns) FROM audit_checkpoints ORDER BY number DESC LIMIT 1", AuditCheckpoint.init
        )
    }

    func checkpoint(_ number: Int64) throws -> AuditCheckpoint? {
        try first(
            "SELECT \(Self.checkpointColumns) FROM audit_checkpoints WHERE number = \(number)", AuditCheckpoint.init)
    }

    func checkpoints(after number: Int64, atMost count: Int) throws -> [AuditCheckpoint] {
        try all(
            "SELECT \(Self.checkpointColumns) FROM audit_checkpoints WHERE number > \(number) ORDER BY number LIMIT \(count)",
            AuditCheckpoint.init)
    }

    func insert(_ checkpoint: AuditCheckpoint) throws {
        try execute(
            """
            INSERT INTO audit_checkpoints (number, at, count, heads, previous, key_id, signature)
            VALUES (\(checkpoint.number), \(checkpoint.at), \(checkpoint.count), \(checkpoint.headsText), \(checkpoint.previous), \(checkpoint.key),
                    \(checkpoint.signature))
            """
        )
    }

    private static var checkpointColumns: SQL { "number, at, count, heads, previous, key_id, signature" }

    /// Newest first.
    func sealedAuditKeys() throws -> [(id: ID<AuditSigningKey>, sealed: String)] {
        try all("SELECT id, sealed_private_key FROM audit_keys ORDER BY created_at DESC, id DESC") {
            (try $0["id"], try $0["sealed_private_key"])
        }
    }

    func insertAuditKey(_ id: ID<AuditSigningKey>, sealed: String) throws {
        try execute("INSERT INTO audit_keys (id, sealed_private_key, created_at) VALUES (\(id), \(sealed), \(now))")
    }

    /// Takes events from before the chain out of their old table, eldest first.
    func takeUnchainedEvents(atMost count: Int) throws -> [UnchainedEvent] {
        let events = try all("SELECT * FROM audit_events_unchained ORDER BY id LIMIT \(count)", UnchainedEvent.init)
        for event in events { try execute("DELETE FROM audit_events_unchained WHERE id = \(event.id)") }
        return events
    }

    func settingFingerprints() throws -> [String: String] {
        let settings = try all("SELECT name, fingerprint FROM configuration_settings") {
            (try $0["name"] as String, try $0["fingerprint"] as String)
        }
        return Dictionary(uniqueKeysWithValues: settings)
    }

    func keepSetting(_ name: String, fingerprint: String) throws {
        try execute(
            """
            INSERT INTO configuration_settings (name, fingerprint) VALUES (\(name), \(fingerprint))
            ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint
            """
        )
    }

    func forgetSetting(_ name: String) throws { try execute("DELETE FROM configuration_settings WHERE name = \(name)") }
}

/// An event from before the chain.
struct UnchainedEvent: Sendable {
    let id: ID<AuditEvent>
    let at: Instant
    let event: AuditEvent

    init(row: Row) throws {
        id = try row["id"]
        at = try row["at"]
        event = AuditEvent(
            try row["action"],
            outcome: try row["outcome"],
            actor: try row["actor_id"],
            organisation: try row["organisation_id"],
            subject: try row["subject"],
            address: try row["address"],
            requestID: try row["request_id"],
            details: try JSONDecoder().decode(
                [String: String].self, from: Data(try row.read("details", as: String.self).utf8))
        )
    }
}
