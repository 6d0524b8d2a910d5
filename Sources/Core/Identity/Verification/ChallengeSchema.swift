import Modules

enum ChallengeSchema {
    static let challenges = Migration(
        "identity-004-challenges",
        """
        CREATE TABLE challenges (
            id TEXT PRIMARY KEY NOT NULL,
            person_id TEXT NOT NULL REFERENCES people (id),
            purpose TEXT NOT NULL CHECK (purpose IN ('verify-email', 'reset-password', 'change-email')),
            email TEXT NOT NULL,
            link_hash TEXT NOT NULL UNIQUE,
            link_expires_at \(.integer) NOT NULL,
            code_hash TEXT NOT NULL,
            code_expires_at \(.integer) NOT NULL,
            tries \(.integer) NOT NULL CHECK (tries >= 0),
            created_at \(.integer) NOT NULL,
            ended_at \(.integer)
        ) \(.strict)
        """,
        "CREATE INDEX challenges_by_person ON challenges (person_id, purpose, created_at)",
        "CREATE INDEX challenges_by_age ON challenges (created_at)"
    )
}
