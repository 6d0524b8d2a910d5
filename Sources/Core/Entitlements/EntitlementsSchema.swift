import Modules

enum EntitlementsSchema {
    static let migrations = [
        Migration(
            "entitlements-001-subscriptions",
            """
            CREATE TABLE subscriptions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                plan_id TEXT NOT NULL,
                status TEXT NOT NULL CHECK (status IN ('active', 'canceled')),
                anchor_at \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE UNIQUE INDEX subscriptions_one_active ON subscriptions (organisation_id) WHERE status = 'active'"
        ),
        Migration(
            "entitlements-002-reservations",
            """
            CREATE TABLE buckets (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                used \(.integer) NOT NULL CHECK (used >= 0),
                held \(.integer) NOT NULL CHECK (held >= 0),
                PRIMARY KEY (organisation_id, meter, period_start)
            ) \(.strict)
            """,
            """
            CREATE TABLE reservations (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount > 0),
                actual \(.integer) CHECK (actual >= 0),
                state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'released', 'expired')),
                lease_until \(.integer) NOT NULL,
                fence \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                settled_at \(.integer),
                UNIQUE (organisation_id, operation_key)
            ) \(.strict)
            """,
            "CREATE INDEX reservations_by_lease ON reservations (lease_until) WHERE state = 'held'",
            """
            CREATE TABLE usage_entries (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount > 0),
                is_overrun \(.integer) NOT NULL CHECK (is_overrun IN (0, 1)),
                occurred_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, operation_key)
            ) \(.strict)
            """
        ),
    ]
}
