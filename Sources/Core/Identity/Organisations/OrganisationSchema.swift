import Modules

enum OrganisationSchema {
    // The row of an invitation outlives its organisation, without a reference to it: it counts for the limits of its
    // sender and its recipient.
    static let migration = Migration(
        "identity-009-organisations",
        """
        CREATE TABLE invitations (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT REFERENCES organisations (id),
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
            CHECK (organisation_id IS NOT NULL OR accepted_at IS NOT NULL OR revoked_at IS NOT NULL),
            CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
            CHECK (accepted_at IS NULL OR revoked_at IS NULL)
        ) \(.strict)
        """,
        """
        CREATE UNIQUE INDEX invitations_one_open ON invitations (organisation_id, email_key)
        WHERE accepted_at IS NULL AND revoked_at IS NULL
        """,
        "CREATE INDEX invitations_by_organisation ON invitations (organisation_id, created_at)",
        "CREATE INDEX invitations_by_sender ON invitations (invited_by, created_at)",
        "CREATE INDEX invitations_by_recipient ON invitations (email_key, created_at)",
        "CREATE INDEX invitations_by_expiry ON invitations (expires_at)",
        "CREATE INDEX sessions_by_organisation ON sessions (organisation_id, person_id)"
    )
}
