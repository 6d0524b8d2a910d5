import Modules

enum IdentitySchema {
    static let migrations =
        foundation + SigningKeySchema.migrations + SessionSchema.migrations + [LoginThrottleSchema.failuresByKey]

    private static let foundation = [
        Migration(
            "identity-001-accounts",
            """
            CREATE TABLE people (
                id TEXT PRIMARY KEY NOT NULL,
                email TEXT NOT NULL,
                email_key TEXT NOT NULL UNIQUE,
                username TEXT,
                username_key TEXT UNIQUE,
                full_name TEXT,
                first_name TEXT,
                last_name TEXT,
                phone TEXT,
                role TEXT NOT NULL,
                password_hash TEXT NOT NULL,
                email_verified_at \(.integer),
                suspended_at \(.integer),
                created_at \(.integer) NOT NULL,
                updated_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE organisations (
                id TEXT PRIMARY KEY NOT NULL,
                name TEXT NOT NULL,
                personal_of TEXT UNIQUE REFERENCES people (id),
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            """
            CREATE TABLE memberships (
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                person_id TEXT NOT NULL REFERENCES people (id),
                role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
                created_at \(.integer) NOT NULL,
                PRIMARY KEY (organisation_id, person_id)
            ) \(.strict)
            """,
            "CREATE INDEX memberships_by_person ON memberships (person_id)"
        ),
        Migration(
            "identity-002-sessions",
            """
            CREATE TABLE sessions (
                id TEXT PRIMARY KEY NOT NULL,
                person_id TEXT NOT NULL REFERENCES people (id),
                organisation_id TEXT NOT NULL REFERENCES organisations (id),
                sealed_key TEXT NOT NULL,
                counter \(.integer) NOT NULL CHECK (counter >= 0),
                rotated_at \(.integer) NOT NULL,
                last_used_at \(.integer) NOT NULL,
                created_at \(.integer) NOT NULL,
                expires_at \(.integer) NOT NULL,
                revoked_at \(.integer),
                revoked_because TEXT,
                user_agent TEXT,
                address TEXT,
                CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
            ) \(.strict)
            """,
            "CREATE INDEX sessions_by_person ON sessions (person_id, revoked_at)",
            "CREATE INDEX sessions_by_revocation ON sessions (revoked_at)"
        ),
        Migration(
            "identity-003-signing-keys",
            """
            CREATE TABLE signing_keys (
                id TEXT PRIMARY KEY NOT NULL,
                algorithm TEXT NOT NULL,
                sealed_private_key TEXT NOT NULL,
                state TEXT NOT NULL CHECK (state IN ('current', 'previous')),
                created_at \(.integer) NOT NULL
            ) \(.strict)
            """,
            "CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state = 'current'"
        ),
        ChallengeSchema.challenges,
        ProfileSchema.profiles,
        LoginThrottleSchema.lockout,
        SecondFactorSchema.secondFactor,
        AdministrationSchema.impersonation,
        APIKeySchema.migration,
        OrganisationSchema.migration,
    ]
}
