import Modules

enum AuditSchema {
    /// The number of transactions that can write events at the same time without waiting for each other (PostgreSQL).
    /// SQLite has one writer and uses the first shard only.
    static let shardCount: Int64 = 64

    static let migration = Migration(
        "audit-001-events",
        """
        CREATE TABLE audit_events (
            id TEXT PRIMARY KEY NOT NULL,
            shard \(.integer) NOT NULL CHECK (shard >= 0),
            sequence \(.integer) NOT NULL CHECK (sequence > 0),
            at \(.integer) NOT NULL,
            action TEXT NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'refused')),
            actor_id TEXT,
            impersonator_id TEXT,
            organisation_id TEXT,
            subject_kind TEXT NOT NULL,
            subject TEXT,
            target_id TEXT,
            address TEXT,
            request_id TEXT,
            details TEXT NOT NULL,
            salt TEXT NOT NULL,
            erasure TEXT,
            hash TEXT NOT NULL,
            seal TEXT NOT NULL,
            UNIQUE (shard, sequence),
            CHECK ((salt = '') = (erasure IS NOT NULL))
        ) \(.strict)
        """,
        "CREATE INDEX audit_events_by_actor ON audit_events (actor_id, at) WHERE actor_id IS NOT NULL",
        """
        CREATE INDEX audit_events_by_impersonator ON audit_events (impersonator_id, at)
        WHERE impersonator_id IS NOT NULL
        """,
        "CREATE INDEX audit_events_by_subject ON audit_events (subject, at) WHERE subject IS NOT NULL",
        "CREATE INDEX audit_events_by_target ON audit_events (target_id, at) WHERE target_id IS NOT NULL",
        """
        CREATE INDEX audit_events_by_organisation ON audit_events (organisation_id, at)
        WHERE organisation_id IS NOT NULL
        """,
        "CREATE INDEX audit_events_by_action ON audit_events (action, at)",
        "CREATE INDEX audit_events_by_time ON audit_events (at)",
        """
        CREATE TABLE audit_shards (
            shard \(.integer) PRIMARY KEY NOT NULL CHECK (shard >= 0),
            written \(.integer) NOT NULL CHECK (written >= 0)
        ) \(.strict)
        """,
        SQL(
            trusted: "INSERT INTO audit_shards (shard, written) VALUES "
                + (0..<shardCount).map { "(\($0), 0)" }.joined(separator: ", ")),
        """
        CREATE TABLE audit_checkpoints (
            number \(.integer) PRIMARY KEY NOT NULL CHECK (number > 0),
            at \(.integer) NOT NULL,
            count \(.integer) NOT NULL CHECK (count > 0),
            heads TEXT NOT NULL,
            previous TEXT NOT NULL,
            key_id TEXT NOT NULL,
            signature TEXT NOT NULL
        ) \(.strict)
        """,
        """
        CREATE TABLE audit_state (
            id \(.integer) PRIMARY KEY NOT NULL CHECK (id = 1),
            checkpoints \(.integer) NOT NULL CHECK (checkpoints >= 0)
        ) \(.strict)
        """,
        "INSERT INTO audit_state (id, checkpoints) VALUES (1, 0)",
        """
        CREATE TABLE audit_keys (
            id TEXT PRIMARY KEY NOT NULL,
            sealed_private_key TEXT NOT NULL,
            created_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        """
        CREATE TABLE configuration_settings (
            name TEXT PRIMARY KEY NOT NULL,
            fingerprint TEXT NOT NULL
        ) \(.strict)
        """
    )
}
