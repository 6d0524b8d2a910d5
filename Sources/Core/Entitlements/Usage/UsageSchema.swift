import Modules

enum UsageSchema {
    static let migrations = [
        Migration(
            "entitlements-003-usage",
            // `amount`: negative for an administrator's correction. `beyond`: how many of the units exceed the limit,
            // as an overrun or because they were retained from an earlier account.
            """
            CREATE TABLE usage_entries (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                amount \(.integer) NOT NULL CHECK (amount <> 0),
                beyond \(.integer) NOT NULL CHECK (beyond >= 0),
                is_overrun \(.integer) NOT NULL CHECK (is_overrun IN (0, 1)),
                occurred_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, operation_key)
            ) \(.strict)
            """,
            "CREATE INDEX usage_entries_by_time ON usage_entries (organisation_id, occurred_at, operation_key)",
            "CREATE INDEX usage_entries_by_meter ON usage_entries (organisation_id, meter, occurred_at)",
            // Attributes of usage entries that were reported through the API; the units are in `usage_entries` alone.
            """
            CREATE TABLE usage_events (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                operation_key TEXT NOT NULL,
                event_id TEXT NOT NULL,
                source TEXT,
                subject TEXT,
                fingerprint TEXT NOT NULL,
                adjusts_start \(.integer),
                recorded_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, operation_key)
            ) \(.strict)
            """,
            """
            CREATE TABLE usage_alerts (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                meter TEXT NOT NULL,
                period_start \(.integer) NOT NULL,
                percent \(.integer) NOT NULL CHECK (percent > 0),
                used \(.integer) NOT NULL CHECK (used > 0),
                allowed \(.integer) NOT NULL CHECK (allowed > 0),
                sent_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, meter, period_start, percent)
            ) \(.strict)
            """
        )
    ]
}
