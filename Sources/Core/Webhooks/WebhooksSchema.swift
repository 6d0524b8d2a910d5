import Modules

enum WebhooksSchema {
    // Secrets are encrypted. `round` of a delivery counts its retries by request: the jobs of an earlier one have no
    // effect.
    static let migrations = [
        Migration(
            "webhooks-001-initial",
            """
            CREATE TABLE webhook_endpoints (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                url TEXT NOT NULL,
                description TEXT NOT NULL,
                event_types TEXT NOT NULL CHECK (length(event_types) > 0),
                sealed_secret TEXT NOT NULL,
                sealed_previous_secret TEXT,
                previous_secret_until \(.integer),
                state TEXT NOT NULL CHECK (state IN ('enabled', 'degraded', 'disabled', 'deleted')),
                disabled_because TEXT CHECK (disabled_because IN ('request', 'gone', 'failures')),
                failures \(.integer) NOT NULL CHECK (failures >= 0),
                failing_since \(.integer),
                paused_until \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                CHECK ((state = 'disabled') = (disabled_because IS NOT NULL)),
                CHECK ((failures = 0) = (failing_since IS NULL)),
                CHECK ((sealed_previous_secret IS NULL) = (previous_secret_until IS NULL))
            ) \(.strict)
            """,
            "CREATE INDEX webhook_endpoints_by_organisation ON webhook_endpoints (organisation_id, created_at)",
            "CREATE INDEX webhook_endpoints_by_state ON webhook_endpoints (state)",
            """
            CREATE TABLE webhook_events (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                type TEXT NOT NULL,
                body TEXT NOT NULL,
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE INDEX webhook_events_by_organisation ON webhook_events (organisation_id)",
            "CREATE INDEX webhook_events_by_time ON webhook_events (created_at)",
            """
            CREATE TABLE webhook_deliveries (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                event_id TEXT NOT NULL REFERENCES webhook_events (id),
                endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
                state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
                round \(.integer) NOT NULL CHECK (round >= 0),
                attempts \(.integer) NOT NULL CHECK (attempts >= 0),
                next_attempt_at \(.integer),
                attempted_at \(.integer),
                status \(.integer) CHECK (status BETWEEN 100 AND 999),
                error TEXT,
                response TEXT,
                duration_ms \(.integer) CHECK (duration_ms >= 0),
                created_at \(.integer) NOT NULL,
                ended_at \(.integer),
                UNIQUE (event_id, endpoint_id),
                CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
                CHECK ((state = 'pending') = (ended_at IS NULL))
            ) \(.strict)
            """,
            """
            CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, state, created_at)
            """,
            "CREATE INDEX webhook_deliveries_by_organisation ON webhook_deliveries (organisation_id, created_at)",
            "CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_at)"
        )
    ]
}
