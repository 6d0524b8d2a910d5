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
                plan_since \(.integer) NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                status TEXT NOT NULL CHECK (
                    status IN (
                        'incomplete', 'trialing', 'active', 'incomplete_expired', 'past_due', 'unpaid', 'paused',
                        'canceled'
                    )
                ),
                is_live \(.integer) NOT NULL CHECK (is_live IN (0, 1)),
                anchor_at \(.integer) NOT NULL,
                trial_ends_at \(.integer),
                paid_through \(.integer),
                grace_until \(.integer),
                cancel_at \(.integer),
                next_plan_id TEXT,
                next_plan_at \(.integer),
                next_cycle TEXT CHECK (next_cycle IN ('monthly', 'yearly')),
                next_is_billed \(.integer) NOT NULL CHECK (next_is_billed IN (0, 1)),
                -- The number of the change at the provider that has scheduled it; NULL where none has.
                next_change \(.integer),
                -- What pays for it; NULL for a subscription that is not billed.
                billing_reference TEXT,
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                CHECK (is_live = CASE WHEN status IN ('canceled', 'incomplete_expired') THEN 0 ELSE 1 END),
                CHECK (status <> 'trialing' OR trial_ends_at IS NOT NULL),
                CHECK ((next_plan_id IS NULL) = (next_plan_at IS NULL)),
                CHECK (next_cycle IS NULL OR next_plan_id IS NOT NULL),
                CHECK (next_change IS NULL OR next_plan_id IS NOT NULL),
                CHECK (next_is_billed = 0 OR next_plan_id IS NOT NULL AND billing_reference IS NOT NULL),
                CHECK (status NOT IN ('incomplete', 'past_due', 'unpaid') OR billing_reference IS NOT NULL)
            ) \(.strict)
            """,
            "CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (organisation_id) WHERE is_live = 1",
            "CREATE INDEX subscriptions_by_organisation ON subscriptions (organisation_id, created_at)",
            "CREATE INDEX subscriptions_by_first_payment ON subscriptions (plan_since) WHERE status = 'incomplete'",
            "CREATE INDEX subscriptions_by_trial_end ON subscriptions (trial_ends_at) WHERE status = 'trialing'",
            """
            CREATE TABLE trials (
                person_id TEXT PRIMARY KEY NOT NULL REFERENCES people (id),
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                subscription_id TEXT NOT NULL UNIQUE,
                started_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE free_plan_starts (
                person_id TEXT PRIMARY KEY NOT NULL REFERENCES people (id),
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                started_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE trial_reminders (
                subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
                trial_ends_at \(.integer) NOT NULL,
                days \(.integer) NOT NULL,
                sent_at \(.integer) NOT NULL,
                PRIMARY KEY (subscription_id, trial_ends_at, days)
            ) \(.strict)
            """,
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
            """,
            // One row per organisation and kind of work: transactions that count active rows of that kind lock it
            // first.
            """
            CREATE TABLE concurrency_locks (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                kind TEXT NOT NULL,
                locked_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, kind)
            ) \(.strict)
            """
        )
    ]

    /// What is kept in memory of a subscription is compared with its version.
    static let subscriptionVersions = Migration(
        "entitlements-008-subscription-versions",
        "ALTER TABLE subscriptions ADD COLUMN version \(.integer) NOT NULL DEFAULT 1 CHECK (version > 0)"
    )
}
