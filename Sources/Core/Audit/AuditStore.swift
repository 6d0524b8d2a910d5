import Foundation
import Modules

// The SQL of the trail's rows.
extension Transaction {
    /// Reserves the next position in the chain. The reservation is rolled back with the transaction.
    ///
    /// One statement increments the first shard that no other transaction has locked, and returns the hash of that
    /// shard's last row. It waits only when every shard is locked.
    /// - Parameter fallback: selects, modulo the shard count, the shard to wait for in that case.
    func reserveAuditPosition(fallback: Int64) throws -> ReservedAuditChainPosition {
        let row =
            try first(Self.incrementShard("(SELECT shard FROM audit_shards ORDER BY shard LIMIT 1 \(.skipLocked))"))
            ?? first(Self.incrementShard("\(fallback % AuditSchema.shardCount)"))
        // Without a shard the event cannot be recorded, so the transaction must fail.
        guard let row else {
            throw StorageError(.other, code: "audit", message: "the table audit_shards lacks its rows")
        }
        let (shard, sequence) = (try row.read("shard", as: Int64.self), try row.read("sequence", as: Int64.self))
        if let previous = try row.read("previous", as: String?.self) {
            return ReservedAuditChainPosition(shard: shard, sequence: sequence, previous: previous)
        }
        // The previous row may have been committed after the statement took its snapshot; a second statement reads it.
        // A row that is still missing was deleted: verification reports it, and writing continues.
        let previous = sequence == 1 ? nil : try auditHash(at: AuditChainPosition(shard: shard, sequence: sequence - 1))
        return ReservedAuditChainPosition(shard: shard, sequence: sequence, previous: previous ?? AuditRow.initialHash)
    }

    private static func incrementShard(_ shard: SQL) -> SQL {
        """
        UPDATE audit_shards SET written = written + 1 WHERE shard = \(shard)
        RETURNING shard, written AS sequence,
            (SELECT hash FROM audit_events
             WHERE audit_events.shard = audit_shards.shard
                AND audit_events.sequence = audit_shards.written - 1) AS previous
        """
    }

    func auditHash(at position: AuditChainPosition) throws -> String? {
        let query: SQL =
            "SELECT hash FROM audit_events WHERE shard = \(position.shard) AND sequence = \(position.sequence)"
        return try first(query)?["hash"]
    }

    func insert(_ row: AuditRow) throws {
        try execute(
            """
            INSERT INTO audit_events (
                id, shard, sequence, at, action, outcome, actor_id, impersonator_id, organisation_id, subject_kind,
                subject, target_id, address, request_id, details, salt, hash, seal)
            VALUES (\(row.id), \(row.shard), \(row.sequence), \(row.at), \(row.action), \(row.outcome),
                    \(row.personal[.actor]), \(row.personal[.impersonator]), \(row.organisation), \(row.subjectKind),
                    \(row.personal[.subject]), \(row.personal[.target]), \(row.personal[.address]),
                    \(row.personal[.request]), \(row.personal[.details]), \(row.salt), \(row.hash), \(row.seal))
            """
        )
    }

    /// The rows after `position`, ordered by position; nil starts at the first row.
    func auditRows(after position: AuditChainPosition?, atMost count: Int) throws -> [AuditRow] {
        let (shard, sequence) = (position?.shard ?? -1, position?.sequence ?? 0)
        return try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events
            WHERE (shard, sequence) > (\(shard), \(sequence)) ORDER BY shard, sequence LIMIT \(count)
            """,
            AuditRow.init
        )
    }

    /// The rows that name a person, ordered by position and locked. Events that record erasures are excluded.
    func auditRows(about person: String, atMost count: Int) throws -> [AuditRow] {
        try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events
            WHERE (actor_id = \(person) OR impersonator_id = \(person) OR subject = \(person) OR target_id = \(person))
              AND action <> \(AuditErasureService.action)
            ORDER BY shard, sequence LIMIT \(count) \(.forUpdate)
            """,
            AuditRow.init
        )
    }

    /// The rows that match, newest first.
    func auditRows(where condition: SQL, limit: Int, offset: Int) throws -> [AuditRow] {
        try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events WHERE \(condition)
            ORDER BY at DESC, sequence DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            AuditRow.init
        )
    }

    /// The rows that match, oldest first.
    func auditHistory(where condition: SQL, limit: Int, offset: Int) throws -> [AuditRow] {
        try all(
            """
            SELECT \(Self.auditColumns) FROM audit_events WHERE \(condition)
            ORDER BY at, shard, sequence LIMIT \(limit) OFFSET \(offset)
            """,
            AuditRow.init
        )
    }

    /// The ids of the rows about an object of an organisation, the oldest first.
    func auditRowIDs(about subject: String, in organisation: String) throws -> [String] {
        try all(
            """
            SELECT id FROM audit_events WHERE subject = \(subject) AND organisation_id = \(organisation)
            ORDER BY at, shard, sequence
            """
        ) { try $0["id"] }
    }

    /// Rows in the order of their ids, each with the hash of the row before it in its shard.
    func auditRowsWithPrevious(_ ids: [String]) throws -> [(row: AuditRow, previous: String)] {
        guard !ids.isEmpty else { return [] }
        let found = try all(
            """
            SELECT \(Self.auditColumns), (
                    SELECT earlier.hash FROM audit_events AS earlier
                    WHERE earlier.shard = audit_events.shard AND earlier.sequence = audit_events.sequence - 1
                ) AS previous
            FROM audit_events WHERE id IN \(list: ids)
            """
        ) { row in
            (row: try AuditRow(row: row), previous: try row.read("previous", as: String?.self) ?? AuditRow.initialHash)
        }
        let byID = Dictionary(found.map { ($0.row.id, $0) }) { first, _ in first }
        return ids.compactMap { byID[$0] }
    }

    func countAuditRows(where condition: SQL) throws -> Int64 {
        try count(of: "audit_events", where: condition)
    }

    /// Updates the columns that an erasure changes.
    func updateErased(_ row: AuditRow) throws {
        try execute(
            """
            UPDATE audit_events SET actor_id = \(row.personal[.actor]),
                impersonator_id = \(row.personal[.impersonator]), subject = \(row.personal[.subject]),
                target_id = \(row.personal[.target]), address = \(row.personal[.address]),
                request_id = \(row.personal[.request]), details = \(row.personal[.details]),
                salt = \(row.salt), erasure = \(row.erasure)
            WHERE id = \(row.id)
            """
        )
    }

    private static var auditColumns: SQL {
        """
        id, shard, sequence, at, action, outcome, actor_id, impersonator_id, organisation_id, subject_kind, subject,
        target_id, address, request_id, details, salt, erasure, hash, seal
        """
    }
}

// The SQL of the shards, the checkpoints and their keys.
extension Transaction {
    /// The number of rows written, by shard.
    func auditShards() throws -> [Int64: Int64] {
        let shards = try all("SELECT shard, written FROM audit_shards") {
            (try $0["shard"] as Int64, try $0["written"] as Int64)
        }
        return Dictionary(uniqueKeysWithValues: shards)
    }

    /// The last row of each shard that is not empty, from one snapshot.
    func auditHeads() throws -> [AuditCheckpoint.Head] {
        try all(
            """
            SELECT audit_shards.shard, audit_shards.written, audit_events.hash
            FROM audit_shards LEFT JOIN audit_events
                ON audit_events.shard = audit_shards.shard AND audit_events.sequence = audit_shards.written
            WHERE audit_shards.written > 0 ORDER BY audit_shards.shard
            """
        ) { row in
            AuditCheckpoint.Head(
                shard: try row["shard"], sequence: try row["written"],
                hash: try row.read("hash", as: String?.self) ?? "")
        }
    }

    /// Increments the number of checkpoints and locks it, so that concurrent calls run one after another.
    func incrementCheckpointCount() throws -> Int64 {
        try first("UPDATE audit_state SET checkpoints = checkpoints + 1 WHERE id = 1 RETURNING checkpoints")?[
            "checkpoints"] ?? 0
    }

    func decrementCheckpointCount() throws {
        try execute("UPDATE audit_state SET checkpoints = checkpoints - 1 WHERE id = 1")
    }

    /// The number of the newest checkpoint; 0 when there is none.
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
            """
            SELECT \(Self.checkpointColumns) FROM audit_checkpoints
            WHERE number > \(number) ORDER BY number LIMIT \(count)
            """,
            AuditCheckpoint.init)
    }

    func insert(_ checkpoint: AuditCheckpoint) throws {
        try execute(
            """
            INSERT INTO audit_checkpoints (number, at, count, heads, previous, key_id, signature)
            VALUES (\(checkpoint.number), \(checkpoint.at), \(checkpoint.count), \(checkpoint.headsText),
                    \(checkpoint.previous), \(checkpoint.key), \(checkpoint.signature))
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
}

// The SQL of the settings' fingerprints.
extension Transaction {
    func settingFingerprints() throws -> [String: String] {
        let settings = try all("SELECT name, fingerprint FROM configuration_settings") {
            (try $0["name"] as String, try $0["fingerprint"] as String)
        }
        return Dictionary(uniqueKeysWithValues: settings)
    }

    func upsertSetting(_ name: String, fingerprint: String) throws {
        try execute(
            """
            INSERT INTO configuration_settings (name, fingerprint) VALUES (\(name), \(fingerprint))
            ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint
            """
        )
    }

    func deleteSetting(_ name: String) throws { try execute("DELETE FROM configuration_settings WHERE name = \(name)") }
}
