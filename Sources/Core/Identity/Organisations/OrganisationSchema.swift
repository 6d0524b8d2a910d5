import Modules

enum OrganisationSchema {
    static let migration = Migration(
        "identity-009-organisations",
        """
        CREATE TABLE invitations (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            email TEXT NOT NULL,
            email_key TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
            token_hash TEXT NOT NULL UNIQUE,
            invited_by TEXT NOT NULL REFERENCES people (id),
            created_at \(.integer) NOT NULL,
            expires_at \(.integer) NOT NULL,
            accepted_at \(.integer),
            accepted_by TEXT REFERENCES people (id),
            revoked_at \(.integer),
            CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
            CHECK (accepted_at IS NULL OR revoked_at IS NULL)
        ) \(.strict)
        """,
        """
        CREATE UNIQUE INDEX invitations_one_open ON invitations (organisation_id, email_key)
        WHERE accepted_at IS NULL AND revoked_at IS NULL
        """,
        "CREATE INDEX invitations_by_organisation ON invitations (organisation_id, created_at)",
        "CREATE INDEX invitations_by_expiry ON invitations (expires_at)",
        "CREATE INDEX sessions_by_organisation ON sessions (organisation_id, person_id)"
    )
}
