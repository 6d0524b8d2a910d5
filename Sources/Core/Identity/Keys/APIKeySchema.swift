import Modules

enum APIKeySchema {
    static let migration = Migration(
        "identity-008-api-keys",
        """
        CREATE TABLE api_keys (
            id TEXT PRIMARY KEY NOT NULL,
            person_id TEXT NOT NULL REFERENCES people (id),
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            name TEXT NOT NULL,
            prefix TEXT NOT NULL,
            scopes TEXT NOT NULL,
            secret_hash TEXT NOT NULL UNIQUE,
            is_default \(.integer) NOT NULL CHECK (is_default IN (0, 1)),
            created_at \(.integer) NOT NULL,
            expires_at \(.integer),
            revoked_at \(.integer),
            revoked_because TEXT,
            last_used_at \(.integer),
            successor_id TEXT,
            CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
        ) \(.strict)
        """,
        "CREATE INDEX api_keys_by_person ON api_keys (person_id, created_at)",
        "CREATE INDEX api_keys_by_organisation ON api_keys (organisation_id)",
        "CREATE UNIQUE INDEX api_keys_one_default ON api_keys (person_id) WHERE is_default = 1 AND revoked_at IS NULL",
        "CREATE INDEX api_keys_by_revocation ON api_keys (revoked_at)",
        "CREATE INDEX api_keys_by_expiry ON api_keys (expires_at)"
    )
}
