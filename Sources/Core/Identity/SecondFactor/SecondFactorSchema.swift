import Modules

enum SecondFactorSchema {
    static let migration = Migration(
        "identity-006-second-factor",
        """
        CREATE TABLE second_factors (
            person_id TEXT PRIMARY KEY NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            sealed_secret TEXT NOT NULL,
            last_step \(.integer) NOT NULL CHECK (last_step >= 0),
            created_at \(.integer) NOT NULL,
            confirmed_at \(.integer)
        ) \(.strict)
        """,
        """
        CREATE TABLE recovery_codes (
            person_id TEXT NOT NULL REFERENCES second_factors (person_id) ON DELETE CASCADE,
            code_hash TEXT NOT NULL,
            used_at \(.integer),
            PRIMARY KEY (person_id, code_hash)
        ) \(.strict)
        """
    )
}
