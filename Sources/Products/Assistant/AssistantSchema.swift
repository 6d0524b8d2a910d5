import Modules

/// The tables of the assistant.
enum AssistantSchema {
    /// The words of messages.
    static let messageTexts = SQL.TextIndex(on: "assistant_messages", column: "content", key: "number")

    static let migrations = [
        Migration(
            "assistant-001-initial",
            """
            CREATE TABLE assistant_projects (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                name TEXT NOT NULL,
                description TEXT NOT NULL,
                path TEXT NOT NULL,
                metadata TEXT NOT NULL,
                is_active \(.integer) NOT NULL CHECK (is_active IN (0, 1)),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE INDEX assistant_projects_by_person
            ON assistant_projects (organisation_id, person_id, updated_at)
            """,
            """
            CREATE TABLE assistant_sessions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                project_id TEXT REFERENCES assistant_projects (id),
                name TEXT NOT NULL,
                model TEXT NOT NULL,
                metadata TEXT NOT NULL,
                message_count \(.integer) NOT NULL CHECK (message_count >= 0),
                message_bytes \(.integer) NOT NULL CHECK (message_bytes >= 0),
                next_position \(.integer) NOT NULL CHECK (next_position >= message_count),
                turn_count \(.integer) NOT NULL CHECK (turn_count >= 0),
                error_count \(.integer) NOT NULL CHECK (error_count BETWEEN 0 AND turn_count),
                input_tokens \(.integer) NOT NULL CHECK (input_tokens >= 0),
                output_tokens \(.integer) NOT NULL CHECK (output_tokens >= 0),
                cost_micros \(.integer) NOT NULL CHECK (cost_micros >= 0),
                response_micros \(.integer) NOT NULL CHECK (response_micros >= 0),
                has_failed \(.integer) NOT NULL CHECK (has_failed IN (0, 1)),
                active_until \(.integer) NOT NULL,
                archived_at \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE INDEX assistant_sessions_by_person
            ON assistant_sessions (organisation_id, person_id, updated_at)
            """,
            """
            CREATE INDEX assistant_sessions_by_project ON assistant_sessions (project_id)
            WHERE project_id IS NOT NULL
            """,
            """
            CREATE INDEX assistant_sessions_active ON assistant_sessions (person_id, active_until)
            WHERE archived_at IS NULL
            """,
            """
            CREATE TABLE assistant_turns (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                session_id TEXT REFERENCES assistant_sessions (id),
                model TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('running', 'completed', 'interrupted', 'failed')),
                is_streamed \(.integer) NOT NULL CHECK (is_streamed IN (0, 1)),
                reservation_id TEXT UNIQUE,
                allowance_month TEXT,
                reserved_tokens \(.integer) NOT NULL CHECK (reserved_tokens > 0),
                input_tokens \(.integer) NOT NULL CHECK (input_tokens >= 0),
                output_tokens \(.integer) NOT NULL CHECK (output_tokens >= 0),
                is_estimated \(.integer) NOT NULL CHECK (is_estimated IN (0, 1)),
                cost_micros \(.integer) NOT NULL CHECK (cost_micros >= 0),
                error TEXT,
                stop_requested_at \(.integer),
                started_at \(.integer) NOT NULL,
                deadline_at \(.integer) NOT NULL,
                finished_at \(.integer),
                CHECK ((finished_at IS NULL) = (state = 'running')),
                CHECK ((reservation_id IS NULL) <> (allowance_month IS NULL))
            ) \(.strict)
            """,
            "CREATE INDEX assistant_turns_by_person ON assistant_turns (organisation_id, person_id)",
            """
            CREATE UNIQUE INDEX assistant_turns_one_at_a_time ON assistant_turns (session_id) WHERE state = 'running'
            """,
            "CREATE INDEX assistant_turns_by_session ON assistant_turns (session_id) WHERE session_id IS NOT NULL",
            "CREATE INDEX assistant_turns_running ON assistant_turns (deadline_at) WHERE state = 'running'",
            "CREATE INDEX assistant_turns_by_end ON assistant_turns (finished_at) WHERE session_id IS NULL",
            """
            CREATE TABLE assistant_messages (
                number \(.integer) PRIMARY KEY NOT NULL,
                id TEXT NOT NULL UNIQUE,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL REFERENCES assistant_sessions (id),
                turn_id TEXT NOT NULL,
                position \(.integer) NOT NULL CHECK (position >= 0),
                role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
                content TEXT NOT NULL,
                parts TEXT,
                bytes \(.integer) NOT NULL CHECK (bytes >= 0),
                token_count \(.integer) NOT NULL CHECK (token_count >= 0),
                is_interrupted \(.integer) NOT NULL CHECK (is_interrupted IN (0, 1)),
                created_at \(.integer) NOT NULL,
                UNIQUE (session_id, position)
            ) \(.strict)
            """,
            """
            CREATE TABLE assistant_allowances (
                person_id TEXT NOT NULL,
                month TEXT NOT NULL,
                used \(.integer) NOT NULL CHECK (used >= 0),
                held \(.integer) NOT NULL CHECK (held >= 0),
                PRIMARY KEY (person_id, month)
            ) \(.strictByKey)
            """
        ),
        Migration("assistant-002-message-texts", statements: messageTexts.definition),
        WorkspaceSchema.migration,
        AnalyticsSchema.migration,
    ]
}
