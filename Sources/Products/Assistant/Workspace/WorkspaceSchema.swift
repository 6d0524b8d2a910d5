import Modules

/// The tables of workspaces. Their files are on the disk.
enum WorkspaceSchema {
    static let migration = Migration(
        "assistant-003-workspaces",
        """
        CREATE TABLE assistant_workspaces (
            organisation_id TEXT PRIMARY KEY NOT NULL REFERENCES organisations (id),
            bytes \(.integer) NOT NULL CHECK (bytes >= 0),
            entries \(.integer) NOT NULL CHECK (entries >= 0),
            held_bytes \(.integer) NOT NULL CHECK (held_bytes >= 0),
            held_entries \(.integer) NOT NULL CHECK (held_entries >= 0),
            version \(.integer) NOT NULL,
            counted_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX assistant_workspaces_by_count ON assistant_workspaces (counted_at)",
        """
        CREATE TABLE assistant_workspace_changes (
            id TEXT PRIMARY KEY NOT NULL,
            organisation_id TEXT NOT NULL REFERENCES organisations (id),
            bytes \(.integer) NOT NULL CHECK (bytes >= 0),
            entries \(.integer) NOT NULL CHECK (entries >= 0),
            expires_at \(.integer) NOT NULL
        ) \(.strict)
        """,
        "CREATE INDEX assistant_workspace_changes_by_organisation ON assistant_workspace_changes (organisation_id)",
        "CREATE INDEX assistant_workspace_changes_by_end ON assistant_workspace_changes (expires_at)"
    )

    static let invariants = [
        Invariant(
            "the reserved bytes or entries of a workspace differ from those of its changes",
            """
            SELECT assistant_workspaces.organisation_id, held_bytes, held_entries FROM assistant_workspaces LEFT JOIN (
                SELECT organisation_id, SUM(bytes) AS sum_of_bytes, SUM(entries) AS sum_of_entries
                FROM assistant_workspace_changes GROUP BY organisation_id
            ) AS changes ON changes.organisation_id = assistant_workspaces.organisation_id
            WHERE held_bytes <> COALESCE(sum_of_bytes, 0) OR held_entries <> COALESCE(sum_of_entries, 0)
            """)
    ]
}
