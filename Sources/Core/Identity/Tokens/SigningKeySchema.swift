import Modules

enum SigningKeySchema {
    static let migrations = [
        // Neither engine widens a CHECK the same way, so the table is made anew. A key that was there is honoured as if it had begun to
        // sign when it was made, and a retired one for an hour more: longer than any token that it can have signed.
        Migration(
            "identity-006-key-rotation",
            """
            CREATE TABLE rotating_signing_keys (
                id TEXT PRIMARY KEY NOT NULL,
                algorithm TEXT NOT NULL CHECK (algorithm IN ('RS256', 'ES256', 'EdDSA', 'HS256')),
                sealed_private_key TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('next', 'current', 'previous')),
                created_at \(.integer) NOT NULL,
                signs_from \(.integer) NOT NULL,
                token_lifetime \(.integer) NOT NULL CHECK (token_lifetime > 0),
                honoured_until \(.integer),
                CHECK ((state = 'previous') = (honoured_until IS NOT NULL))
            ) \(.strict)
            """,
            """
            INSERT INTO rotating_signing_keys (id, algorithm, sealed_private_key, state, created_at, signs_from, token_lifetime, honoured_until)
            SELECT id, algorithm, sealed_private_key, state, created_at, created_at, 86400000000,
                   CASE WHEN state = 'previous' THEN created_at + 86400000000 END
            FROM signing_keys
            """,
            "DROP TABLE signing_keys",
            "ALTER TABLE rotating_signing_keys RENAME TO signing_keys",
            "CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state = 'current'",
            "CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (state) WHERE state = 'next'"
        )
    ]
}
