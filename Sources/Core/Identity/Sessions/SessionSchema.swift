import Modules

enum SessionSchema {
    static let migrations = [
        Migration(
            "identity-006b-devices",
            """
            ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password'
                CHECK (method IN ('password', 'second_factor', 'impersonation'))
            """,
            // Of a session that lives in a browser's cookie: the SHA-256 of what the cookie holds.
            "ALTER TABLE sessions ADD COLUMN cookie_hash TEXT",
            "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
            "CREATE INDEX sessions_by_use ON sessions (last_used_at)"
        )
    ]
}
