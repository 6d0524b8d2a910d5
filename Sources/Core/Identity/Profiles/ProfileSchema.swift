import Modules

enum ProfileSchema {
    static let profiles = Migration(
        "identity-005-profiles",
        "ALTER TABLE people ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE people ADD COLUMN student_id TEXT",
        "ALTER TABLE people ADD COLUMN employee_id TEXT",
        // Closed by its owner: shut out like a suspended account, its address and name still taken.
        "ALTER TABLE people ADD COLUMN closed_at \(.integer)"
    )
}
