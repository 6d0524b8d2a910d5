import Modules

enum AccessCodeSchema {
    static let migrations = [
        Migration(
            "billing-303-access-codes",
            // The digest is the SHA-256 of the code.
            """
            CREATE TABLE access_codes (
                id TEXT PRIMARY KEY NOT NULL,
                digest TEXT NOT NULL UNIQUE,
                hint TEXT NOT NULL,
                plan_id TEXT NOT NULL,
                days \(.integer) NOT NULL CHECK (days > 0),
                expires_at \(.integer) NOT NULL,
                note TEXT,
                revoked_at \(.integer),
                used_at \(.integer),
                used_by TEXT,
                created_by TEXT,
                created_at \(.integer) NOT NULL,
                CHECK ((used_at IS NULL) = (used_by IS NULL)),
                CHECK (used_at IS NULL OR revoked_at IS NULL)
            ) \(.strict)
            """,
            "CREATE INDEX access_codes_by_time ON access_codes (created_at)",
            "CREATE INDEX access_codes_by_organisation ON access_codes (used_by) WHERE used_by IS NOT NULL"
        )
    ]
}
