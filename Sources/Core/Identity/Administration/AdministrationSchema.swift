import Modules

enum AdministrationSchema {
    static let impersonation = Migration(
        "identity-011-impersonation",
        // Of a session that an administrator opened in somebody else's name: whose it is.
        "ALTER TABLE sessions ADD COLUMN impersonator_id TEXT REFERENCES people (id)",
        "CREATE INDEX sessions_by_impersonator ON sessions (impersonator_id) WHERE impersonator_id IS NOT NULL",
        "CREATE INDEX people_by_role ON people (role, id)",
        "CREATE INDEX people_by_creation ON people (created_at, id)"
    )
}
