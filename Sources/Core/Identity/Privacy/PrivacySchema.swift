import Modules

enum PrivacySchema {
    static let migrations = [
        Migration(
            "identity-010-privacy",
            """
            CREATE TABLE privacy_exports (
                id TEXT PRIMARY KEY NOT NULL,
                person_id TEXT NOT NULL REFERENCES people (id),
                state TEXT NOT NULL CHECK (state IN ('preparing', 'ready', 'failed')),
                file_name TEXT,
                bytes \(.integer) CHECK (bytes >= 0),
                token_hash TEXT UNIQUE,
                sealed_token TEXT,
                requested_at \(.integer) NOT NULL,
                ready_at \(.integer),
                expires_at \(.integer) NOT NULL,
                CHECK ((state = 'ready') = (ready_at IS NOT NULL)),
                CHECK ((state = 'ready') = (file_name IS NOT NULL)),
                CHECK ((state = 'ready') = (bytes IS NOT NULL)),
                CHECK ((state = 'ready') = (token_hash IS NOT NULL)),
                CHECK ((state = 'ready') = (sealed_token IS NOT NULL))
            ) \(.strict)
            """,
            """
            CREATE UNIQUE INDEX privacy_exports_one_at_a_time ON privacy_exports (person_id)
            WHERE state = 'preparing'
            """,
            "CREATE INDEX privacy_exports_by_person ON privacy_exports (person_id, requested_at)",
            "CREATE INDEX privacy_exports_by_end ON privacy_exports (expires_at)",
            """
            CREATE TABLE privacy_erasures (
                id TEXT PRIMARY KEY NOT NULL,
                person_id TEXT NOT NULL UNIQUE REFERENCES people (id),
                requested_at \(.integer) NOT NULL,
                due_at \(.integer) NOT NULL,
                begun_at \(.integer),
                CHECK (due_at >= requested_at)
            ) \(.strict)
            """,
            "CREATE INDEX privacy_erasures_by_time ON privacy_erasures (due_at)"
        ),
        // `account_mark` is ``Export/mark(of:)`` when the archive was ready.
        Migration(
            "identity-012-export-marks",
            "ALTER TABLE privacy_exports ADD COLUMN account_mark TEXT"
        ),
    ]
}
