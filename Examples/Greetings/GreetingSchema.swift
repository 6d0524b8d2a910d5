import Modules

enum GreetingSchema {
    static let migrations = [
        Migration(
            "greetings-001-initial",
            """
            CREATE TABLE greetings (
                id TEXT PRIMARY KEY NOT NULL,
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
                state TEXT NOT NULL CHECK (state IN ('queued', 'written', 'failed')),
                text TEXT,
                reservation_id TEXT NOT NULL UNIQUE,
                created_at \(.integer) NOT NULL,
                CHECK ((state = 'written') = (text IS NOT NULL))
            ) \(.strict)
            """,
            "CREATE INDEX greetings_by_organisation ON greetings (organisation_id, created_at)",
            "CREATE INDEX greetings_by_time ON greetings (created_at)"
        )
    ]
}
