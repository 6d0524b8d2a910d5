import Modules

enum ServiceKeySchema {
    static let migrations = [
        Migration(
            "entitlements-005-service-keys",
            // `organisations` and `meters`: separated by blanks; NULL for all.
            """
            CREATE TABLE service_keys (
                id TEXT PRIMARY KEY NOT NULL,
                origin_id TEXT NOT NULL,
                name TEXT NOT NULL,
                prefix TEXT NOT NULL,
                scopes TEXT NOT NULL CHECK (scopes <> ''),
                organisations TEXT CHECK (organisations <> ''),
                meters TEXT CHECK (meters <> ''),
                secret_hash TEXT NOT NULL UNIQUE,
                created_at \(.integer) NOT NULL,
                created_by TEXT REFERENCES people (id),
                expires_at \(.integer),
                revoked_at \(.integer),
                last_used_at \(.integer),
                successor_id TEXT
            ) \(.strict)
            """
        )
    ]
}
