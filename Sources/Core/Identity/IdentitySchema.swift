import Modules

/// The tables of identity.
enum IdentitySchema {
    static let migrations = [
        accounts, sessions, signingKeys, challenges, loginThrottle,
        SecondFactorSchema.migration, AdministrationSchema.migration, APIKeySchema.migration,
        OrganisationSchema.migration, MailRecipientSchema.migration,
    ]

    // `registration_notice_at` is the time of the last notice of a registration with the address.
    private static let accounts = Migration(
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
            student_id TEXT,
            employee_id TEXT,
            role TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            preferences TEXT NOT NULL DEFAULT '{}',
            email_verified_at \(.integer),
            suspended_at \(.integer),
            closed_at \(.integer),
            registration_notice_at \(.integer),
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
    )

    // `cookie_hash` is the SHA-256 of a session cookie's secret; `impersonator_id` the administrator who acts as the
    // person.
    private static let sessions = Migration(
        "identity-002-sessions",
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY NOT NULL,
            person_id TEXT NOT NULL REFERENCES people (id),
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            impersonator_id TEXT REFERENCES people (id),
            method TEXT NOT NULL CHECK (method IN ('password', 'second_factor', 'impersonation')),
            sealed_key TEXT NOT NULL,
            cookie_hash TEXT,
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
        "CREATE INDEX sessions_by_revocation ON sessions (revoked_at)",
        "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
        "CREATE INDEX sessions_by_use ON sessions (last_used_at)"
    )

    private static let signingKeys = Migration(
        "identity-003-signing-keys",
        """
        CREATE TABLE signing_keys (
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
        "CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state = 'current'",
        "CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (state) WHERE state = 'next'"
    )

    // `email_key` of a challenge is that of its recipient: without a sub-address.
    private static let challenges = Migration(
        "identity-004-challenges",
        """
        CREATE TABLE challenges (
            id TEXT PRIMARY KEY NOT NULL,
            person_id TEXT NOT NULL REFERENCES people (id),
            purpose TEXT NOT NULL CHECK (purpose IN ('verify-email', 'reset-password', 'change-email')),
            email TEXT NOT NULL,
            email_key TEXT NOT NULL,
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
        "CREATE INDEX challenges_by_recipient ON challenges (email_key, purpose, created_at)",
        "CREATE INDEX challenges_by_age ON challenges (created_at)"
    )

    // Failures are stored in the order of their key, so that writing a row that existed before takes as long as writing
    // a new one. They have no index by time: see `Transaction.deleteFailures(before:after:among:)`.
    private static let loginThrottle = Migration(
        "identity-005-login-throttle",
        """
        CREATE TABLE sign_in_failures (
            bucket TEXT PRIMARY KEY NOT NULL,
            failures \(.integer) NOT NULL CHECK (failures >= 0),
            failed_at \(.integer) NOT NULL,
            refused_until \(.integer) NOT NULL CHECK (refused_until >= failed_at)
        ) \(.strictByKey)
        """,
        """
        CREATE TABLE known_devices (
            person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            mark TEXT NOT NULL,
            last_used_at \(.integer) NOT NULL,
            PRIMARY KEY (person_id, mark)
        ) \(.strict)
        """,
        "CREATE INDEX known_devices_by_time ON known_devices (last_used_at)"
    )
}
