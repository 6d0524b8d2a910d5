import Modules

enum AdministrationSchema {
    static let migration = Migration(
        "identity-007-administration",
        "CREATE INDEX sessions_by_impersonator ON sessions (impersonator_id) WHERE impersonator_id IS NOT NULL",
        "CREATE INDEX people_by_role ON people (role, id)",
        "CREATE INDEX people_by_creation ON people (created_at, id)"
    )
}
