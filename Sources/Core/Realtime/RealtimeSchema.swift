import Modules

enum RealtimeSchema {
    static let migrations = [
        Migration(
            "realtime-001-topics",
            """
            CREATE TABLE topics (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                name TEXT NOT NULL CHECK (length(name) BETWEEN 3 AND 128),
                head \(.integer) NOT NULL CHECK (head >= 0),
                created_at \(.integer) NOT NULL,
                appended_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, name)
            ) \(.strictByKey)
            """,
            """
            CREATE TABLE topic_messages (
                organisation_id TEXT NOT NULL,
                topic TEXT NOT NULL,
                seq \(.integer) NOT NULL CHECK (seq > 0),
                type TEXT NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
                data TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, topic, seq),
                FOREIGN KEY (organisation_id, topic) REFERENCES topics (organisation_id, name)
            ) \(.strict)
            """,
            "CREATE INDEX topic_messages_by_age ON topic_messages (created_at)",
            """
            CREATE TABLE realtime_tickets (
                hash TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                session_id TEXT NOT NULL,
                topic TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                expires_at \(.integer) NOT NULL
            ) \(.strictByKey)
            """,
            "CREATE INDEX realtime_tickets_by_expiry ON realtime_tickets (expires_at)",
            "CREATE INDEX realtime_tickets_by_organisation ON realtime_tickets (organisation_id)"
        )
    ]
}
