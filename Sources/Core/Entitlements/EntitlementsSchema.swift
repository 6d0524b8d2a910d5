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
        Migration(
            "entitlements-003-plans",
            """
            CREATE TABLE plan_versions (
                plan_id TEXT NOT NULL,
                version \(.integer) NOT NULL CHECK (version > 0),
                document TEXT NOT NULL,
                origin TEXT NOT NULL CHECK (origin IN ('file', 'administrator')),
                applies_at_once \(.integer) NOT NULL CHECK (applies_at_once IN (0, 1)),
                created_at \(.integer) NOT NULL,
                created_by TEXT REFERENCES people (id),
                PRIMARY KEY (plan_id, version)
            ) \(.strict)
            """
        ),
        // A table is made anew where a CHECK changes: SQLite knows no other way.
        Migration(
            "entitlements-004-subscription-life",
            """
            CREATE TABLE subscription_lives (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                plan_id TEXT NOT NULL,
                plan_since \(.integer) NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                status TEXT NOT NULL
                    CHECK (status IN ('incomplete', 'trialing', 'active', 'incomplete_expired', 'past_due', 'unpaid', 'paused', 'canceled')),
                is_live \(.integer) NOT NULL CHECK (is_live IN (0, 1)),
                anchor_at \(.integer) NOT NULL,
                trial_ends_at \(.integer),
                paid_through \(.integer),
                grace_until \(.integer),
                cancel_at \(.integer),
                next_plan_id TEXT,
                next_plan_at \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                CHECK (is_live = CASE WHEN status IN ('canceled', 'incomplete_expired') THEN 0 ELSE 1 END),
                CHECK (status <> 'trialing' OR trial_ends_at IS NOT NULL),
                CHECK ((next_plan_id IS NULL) = (next_plan_at IS NULL))
            ) \(.strict)
            """,
            """
            INSERT INTO subscription_lives (id, organisation_id, plan_id, plan_since, cycle, status, is_live, anchor_at, created_at, updated_at)
            SELECT id, organisation_id, plan_id, updated_at, 'monthly', status, CASE WHEN status = 'active' THEN 1 ELSE 0 END, anchor_at, created_at, updated_at
            FROM subscriptions
            """,
            "DROP TABLE subscriptions",
            "ALTER TABLE subscription_lives RENAME TO subscriptions",
            "CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (organisation_id) WHERE is_live = 1",
            "CREATE INDEX subscriptions_by_organisation ON subscriptions (organisation_id, created_at)",
            "CREATE INDEX subscriptions_by_trial_end ON subscriptions (trial_ends_at) WHERE status = 'trialing'",
            """
            CREATE TABLE trials (
                person_id TEXT PRIMARY KEY NOT NULL REFERENCES people (id),
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                subscription_id TEXT NOT NULL UNIQUE,
                begun_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE trial_notices (
                subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
                trial_ends_at \(.integer) NOT NULL,
                days \(.integer) NOT NULL,
                written_at \(.integer) NOT NULL,
                PRIMARY KEY (subscription_id, trial_ends_at, days)
            ) \(.strict)
            """
        ),
    ]
}
