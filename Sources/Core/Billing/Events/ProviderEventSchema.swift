import Modules

enum ProviderEventSchema {
    static let migrations = [
        Migration(
            "billing-101-provider-events",
            """
            CREATE TABLE provider_events (
                id TEXT PRIMARY KEY NOT NULL,
                account TEXT NOT NULL,
                event_id TEXT NOT NULL,
                type TEXT NOT NULL,
                kind TEXT NOT NULL,
                object_id TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                source TEXT NOT NULL CHECK (source IN ('webhook', 'poll')),
                state TEXT NOT NULL CHECK (state IN ('received', 'applied', 'superseded', 'ignored', 'dead')),
                object TEXT,
                received_at \(.integer) NOT NULL,
                retry_until \(.integer) NOT NULL,
                last_error TEXT,
                settled_at \(.integer),
                is_waiting \(.integer) NOT NULL CHECK (is_waiting IN (0, 1)),
                UNIQUE (account, event_id),
                CHECK ((state = 'received') = (settled_at IS NULL)),
                CHECK (is_waiting = 0 OR state = 'received')
            ) \(.strict)
            """,
            """
            CREATE INDEX provider_events_open ON provider_events (account, object_id, received_at)
                WHERE state = 'received'
            """,
            // Those that no attempt has been made for: the job of all of them takes them in this order.
            "CREATE INDEX provider_events_waiting ON provider_events (received_at, id) WHERE is_waiting = 1",
            "CREATE INDEX provider_events_by_time ON provider_events (received_at)",
            "CREATE INDEX provider_events_dead ON provider_events (received_at) WHERE state = 'dead'",
            // `claims` counts the fetches that have begun, `applied` is the number of the newest one that was applied.
            """
            CREATE TABLE provider_objects (
                account TEXT NOT NULL,
                object_id TEXT NOT NULL,
                claims \(.integer) NOT NULL CHECK (claims >= 0),
                applied \(.integer) NOT NULL CHECK (applied BETWEEN 0 AND claims),
                seen_at \(.integer),
                event_created_at \(.integer),
                touched_at \(.integer) NOT NULL,
                PRIMARY KEY (account, object_id)
            ) \(.strictByKey)
            """,
            "CREATE INDEX provider_objects_by_time ON provider_objects (touched_at)",
            """
            CREATE TABLE provider_polls (
                name TEXT PRIMARY KEY NOT NULL,
                newest_at \(.integer) NOT NULL,
                pending_at \(.integer) NOT NULL,
                page_after TEXT,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """
        )
    ]
}
