import Modules

enum CreditSchema {
    static let migrations = [
        Migration(
            "entitlements-004-credits",
            """
            CREATE TABLE credit_lots (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                origin TEXT NOT NULL CHECK (origin IN ('trial', 'grant', 'correction')),
                source TEXT,
                granted \(.integer) NOT NULL CHECK (granted > 0),
                available \(.integer) NOT NULL CHECK (available >= 0),
                reserved \(.integer) NOT NULL CHECK (reserved >= 0),
                consumed \(.integer) NOT NULL CHECK (consumed >= 0),
                expired \(.integer) NOT NULL CHECK (expired >= 0),
                reversed \(.integer) NOT NULL CHECK (reversed >= 0),
                expires_at \(.integer),
                created_at \(.integer) NOT NULL,
                CHECK (available + reserved + consumed + expired + reversed = granted)
            ) \(.strict)
            """,
            "CREATE INDEX credit_lots_by_organisation ON credit_lots (organisation_id, created_at)",
            "CREATE INDEX credit_lots_to_spend ON credit_lots (organisation_id, expires_at) WHERE available > 0",
            "CREATE INDEX credit_lots_to_expire ON credit_lots (expires_at) WHERE available > 0",
            """
            CREATE TABLE credit_holds (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                units \(.integer) NOT NULL CHECK (units > 0),
                actual \(.integer) CHECK (actual >= 0),
                overrun \(.integer) NOT NULL CHECK (overrun >= 0),
                state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'released', 'expired')),
                lease_until \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                UNIQUE (organisation_id, operation_key),
                CHECK ((state = 'held') = (settled_at IS NULL)),
                CHECK ((state = 'held') = (actual IS NULL))
            ) \(.strict)
            """,
            "CREATE INDEX credit_holds_by_lease ON credit_holds (lease_until) WHERE state = 'held'",
            """
            CREATE TABLE credit_hold_parts (
                hold_id TEXT NOT NULL REFERENCES credit_holds (id),
                lot_id TEXT NOT NULL REFERENCES credit_lots (id),
                units \(.integer) NOT NULL CHECK (units > 0),
                PRIMARY KEY (hold_id, lot_id)
            ) \(.strict)
            """,
            "CREATE INDEX credit_hold_parts_by_lot ON credit_hold_parts (lot_id)"
        )
    ]
}
