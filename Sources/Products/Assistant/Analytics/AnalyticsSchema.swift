import Modules

/// The tables of numbers by time.
enum AnalyticsSchema {
    static let migration = Migration(
        "assistant-004-usage",
        """
        CREATE TABLE assistant_usage (
            unit TEXT NOT NULL CHECK (unit IN ('hour', 'day')),
            starts_at \(.integer) NOT NULL,
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            project_id TEXT NOT NULL,
            model TEXT NOT NULL,
            sessions \(.integer) NOT NULL CHECK (sessions >= 0),
            messages \(.integer) NOT NULL CHECK (messages >= 0),
            turns \(.integer) NOT NULL CHECK (turns >= 0),
            errors \(.integer) NOT NULL CHECK (errors BETWEEN 0 AND turns),
            input_tokens \(.integer) NOT NULL CHECK (input_tokens >= 0),
            output_tokens \(.integer) NOT NULL CHECK (output_tokens >= 0),
            cost_micros \(.integer) NOT NULL CHECK (cost_micros >= 0),
            response_micros \(.integer) NOT NULL CHECK (response_micros >= 0),
            PRIMARY KEY (unit, starts_at, organisation_id, project_id, model)
        ) \(.strictByKey)
        """,
        "CREATE INDEX assistant_usage_by_organisation ON assistant_usage (organisation_id, unit, starts_at)",
        """
        CREATE TABLE assistant_tool_usage (
            starts_at \(.integer) NOT NULL,
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            tool_name TEXT NOT NULL,
            server_name TEXT NOT NULL,
            invocations \(.integer) NOT NULL CHECK (invocations > 0),
            failures \(.integer) NOT NULL CHECK (failures BETWEEN 0 AND invocations),
            timed \(.integer) NOT NULL CHECK (timed BETWEEN 0 AND invocations),
            duration_micros \(.integer) NOT NULL CHECK (duration_micros >= 0),
            PRIMARY KEY (starts_at, organisation_id, tool_name, server_name)
        ) \(.strictByKey)
        """,
        "CREATE INDEX assistant_tool_usage_by_organisation ON assistant_tool_usage (organisation_id, starts_at)"
    )

    static let invariants = [
        Invariant(
            "the numbers of hours exceed those of days",
            """
            SELECT hours.organisation_id, hours.turns, days.turns FROM (
                SELECT organisation_id, SUM(turns) AS turns, SUM(input_tokens + output_tokens) AS tokens
                FROM assistant_usage WHERE unit = 'hour' GROUP BY organisation_id
            ) AS hours LEFT JOIN (
                SELECT organisation_id, SUM(turns) AS turns, SUM(input_tokens + output_tokens) AS tokens
                FROM assistant_usage WHERE unit = 'day' GROUP BY organisation_id
            ) AS days ON days.organisation_id = hours.organisation_id
            WHERE hours.turns > COALESCE(days.turns, 0) OR hours.tokens > COALESCE(days.tokens, 0)
            """)
    ]
}
