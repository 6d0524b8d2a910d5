import Modules

/// The tables of tool servers and of calls of tools.
enum MCPSchema {
    static let migrations = [
        Migration(
            "assistant-003-tools",
            """
            CREATE TABLE assistant_mcp_servers (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                name TEXT NOT NULL,
                kind TEXT NOT NULL CHECK (kind IN ('http', 'stdio')),
                url TEXT,
                sealed_headers TEXT,
                priority \(.integer) NOT NULL,
                approval TEXT NOT NULL CHECK (approval IN ('always', 'dangerous', 'never')),
                status TEXT NOT NULL CHECK (status IN ('running', 'stopped', 'error')),
                error TEXT,
                started_at \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL,
                UNIQUE (organisation_id, name),
                CHECK ((url IS NULL) = (kind = 'stdio')),
                CHECK ((error IS NOT NULL) = (status = 'error')),
                CHECK (status <> 'running' OR started_at IS NOT NULL)
            ) \(.strict)
            """,
            """
            CREATE TABLE assistant_mcp_tools (
                server_id TEXT NOT NULL REFERENCES assistant_mcp_servers (id),
                name TEXT NOT NULL,
                organisation_id TEXT NOT NULL,
                position \(.integer) NOT NULL CHECK (position >= 0),
                definition TEXT NOT NULL,
                PRIMARY KEY (server_id, name)
            ) \(.strictByKey)
            """,
            "CREATE INDEX assistant_mcp_tools_by_name ON assistant_mcp_tools (organisation_id, name)",
            """
            CREATE TABLE assistant_tool_executions (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL,
                session_id TEXT REFERENCES assistant_sessions (id),
                tool_name TEXT NOT NULL,
                tool_type TEXT NOT NULL CHECK (tool_type IN ('mcp', 'native', 'custom')),
                server_name TEXT,
                tool_digest TEXT,
                input_params TEXT NOT NULL,
                output TEXT,
                status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
                error_message TEXT,
                execution_millis \(.integer) CHECK (execution_millis >= 0),
                is_reported \(.integer) NOT NULL CHECK (is_reported IN (0, 1)),
                deadline_at \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                completed_at \(.integer),
                CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed'))),
                CHECK (status <> 'pending' OR tool_digest IS NOT NULL)
            ) \(.strict)
            """,
            """
            CREATE INDEX assistant_tool_executions_by_person
            ON assistant_tool_executions (organisation_id, person_id, created_at)
            """,
            """
            CREATE INDEX assistant_tool_executions_by_session ON assistant_tool_executions (session_id, created_at)
            WHERE session_id IS NOT NULL
            """,
            """
            CREATE INDEX assistant_tool_executions_open ON assistant_tool_executions (deadline_at)
            WHERE completed_at IS NULL
            """,
            """
            CREATE INDEX assistant_tool_executions_by_end ON assistant_tool_executions (completed_at)
            WHERE session_id IS NULL
            """
        )
    ]
}
