import Modules

/// The table of summaries of sessions.
enum SummarySchema {
    static let migration = Migration(
        "assistant-005-summaries",
        """
        CREATE TABLE assistant_summaries (
            session_id TEXT PRIMARY KEY NOT NULL REFERENCES assistant_sessions (id),
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            person_id TEXT NOT NULL,
            through_position \(.integer) NOT NULL CHECK (through_position >= 0),
            content TEXT NOT NULL,
            turn_id TEXT NOT NULL,
            created_at \(.integer) NOT NULL,
            updated_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX assistant_summaries_by_person ON assistant_summaries (organisation_id, person_id)"
    )

    static let attemptsMigration = Migration(
        "assistant-006-summary-attempts",
        "ALTER TABLE assistant_sessions ADD COLUMN unsummarised_through \(.integer)"
    )

    static let invariants: [Invariant] = [
        Invariant(
            "a summary is of messages that are not there",
            """
            SELECT session_id, through_position FROM assistant_summaries WHERE NOT EXISTS (
                SELECT 1 FROM assistant_messages
                WHERE assistant_messages.session_id = assistant_summaries.session_id
                    AND position = through_position
            )
            """)
    ]
}
