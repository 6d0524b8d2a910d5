package import Storage

/// The tables of the queue and of the schedules.
package enum JobsSchema {
    package static let migrations: [Migration] = [
        Migration(
            "jobs-001-schema",
            """
            CREATE TABLE jobs (
                id TEXT PRIMARY KEY NOT NULL,
                kind TEXT NOT NULL CHECK (kind <> ''),
                lane TEXT NOT NULL CHECK (
                    lane IN ('system', 'mail', 'outbound', 'webhooks', 'compute', 'short', 'export')
                ),
                organisation TEXT,
                payload TEXT NOT NULL,
                unique_key TEXT,
                priority \(.integer) NOT NULL,
                state TEXT NOT NULL CHECK (
                    state IN ('scheduled', 'available', 'leased', 'retryable', 'completed', 'dead', 'cancelled')
                ),
                run_at \(.integer) NOT NULL,
                attempt \(.integer) NOT NULL DEFAULT 0 CHECK (attempt >= 0),
                maximum_attempts \(.integer) NOT NULL CHECK (maximum_attempts >= 1),
                crash_count \(.integer) NOT NULL DEFAULT 0 CHECK (crash_count >= 0),
                fence \(.integer) NOT NULL DEFAULT 0 CHECK (fence >= 0),
                lease_until \(.integer),
                cancel_requested_at \(.integer),
                percent \(.real) NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
                phase TEXT,
                message TEXT,
                first_error TEXT,
                first_error_at \(.integer),
                last_error TEXT,
                last_error_at \(.integer),
                redriven_as TEXT,
                created_at \(.integer) NOT NULL,
                started_at \(.integer),
                finished_at \(.integer),
                CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
                CHECK ((state IN ('completed', 'dead', 'cancelled')) = (finished_at IS NOT NULL)),
                CHECK (attempt <= maximum_attempts),
                CHECK (redriven_as IS NULL OR state = 'dead')
            ) \(.strict)
            """,
            "CREATE INDEX jobs_to_claim ON jobs (lane, priority, run_at, id) WHERE state = 'available'",
            """
            CREATE INDEX jobs_to_share ON jobs (lane, organisation, priority, run_at, id) WHERE state = 'available'
            """,
            "CREATE INDEX jobs_to_promote ON jobs (run_at) WHERE state IN ('scheduled', 'retryable')",
            "CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'leased'",
            "CREATE INDEX jobs_dead ON jobs (finished_at) WHERE state = 'dead'",
            "CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL",
            """
            CREATE UNIQUE INDEX jobs_unfinished_key ON jobs (kind, unique_key)
            WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'available', 'leased', 'retryable')
            """,
            "CREATE TABLE job_lane_locks (lane TEXT PRIMARY KEY NOT NULL, locked_at \(.integer) NOT NULL) \(.strict)",
            """
            CREATE TABLE schedules (
                id TEXT PRIMARY KEY NOT NULL,
                rule TEXT NOT NULL,
                next_at \(.integer) NOT NULL,
                last_tick_at \(.integer),
                changed_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE schedule_ticks (
                schedule_id TEXT NOT NULL REFERENCES schedules (id),
                tick_at \(.integer) NOT NULL,
                fired_at \(.integer) NOT NULL,
                UNIQUE (schedule_id, tick_at)
            ) \(.strict)
            """,
            "CREATE INDEX schedule_ticks_fired ON schedule_ticks (fired_at)"
        )
    ]
}
