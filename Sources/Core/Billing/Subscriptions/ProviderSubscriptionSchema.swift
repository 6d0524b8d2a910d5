import Modules

enum ProviderSubscriptionSchema {
    static let migrations = [
        Migration(
            "billing-300-subscriptions",
            """
            CREATE TABLE provider_prices (
                id TEXT PRIMARY KEY NOT NULL,
                plan_id TEXT NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                currency TEXT NOT NULL,
                region TEXT NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount >= 0),
                provider_id TEXT UNIQUE,
                created_at \(.integer) NOT NULL,
                UNIQUE (plan_id, cycle, currency, region, amount)
            ) \(.strict)
            """,
            """
            CREATE TABLE provider_subscriptions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT REFERENCES people (id),
                is_checkout \(.integer) NOT NULL CHECK (is_checkout IN (0, 1)),
                call_id TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('starting', 'open', 'ended')),
                plan_id TEXT NOT NULL,
                cycle TEXT NOT NULL CHECK (cycle IN ('monthly', 'yearly')),
                currency TEXT NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount >= 0),
                region TEXT,
                session_id TEXT UNIQUE,
                session_url TEXT,
                session_expires_at \(.integer),
                provider_id TEXT UNIQUE,
                item_id TEXT,
                latest_invoice TEXT,
                provider_status TEXT,
                anchor_at \(.integer),
                paid_through \(.integer),
                trial_ends_at \(.integer),
                cancel_at \(.integer),
                ended_at \(.integer),
                changes \(.integer) NOT NULL CHECK (changes >= 0),
                superseded_at \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
                CHECK (paid_through IS NULL OR anchor_at IS NOT NULL AND anchor_at < paid_through)
            ) \(.strict)
            """,
            """
            CREATE UNIQUE INDEX provider_subscriptions_one_live ON provider_subscriptions (organisation_id)
                WHERE state <> 'ended'
            """,
            """
            CREATE INDEX provider_subscriptions_by_organisation
                ON provider_subscriptions (organisation_id, created_at)
            """,
            "CREATE INDEX provider_subscriptions_by_person ON provider_subscriptions (person_id)",
            """
            CREATE TABLE subscription_notices (
                subscription_id TEXT NOT NULL REFERENCES provider_subscriptions (id),
                notice TEXT NOT NULL,
                sent_at \(.integer) NOT NULL,
                PRIMARY KEY (subscription_id, notice)
            ) \(.strict)
            """
        )
    ]
}
