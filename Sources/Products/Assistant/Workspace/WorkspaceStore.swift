import Files
import Identity
import Modules

/// The SQL of what workspaces take.
extension Transaction {
    func workspaceUsage(of organisation: ID<Organisation>) throws -> WorkspaceUsage? {
        try first(
            "SELECT * FROM assistant_workspaces WHERE organisation_id = \(organisation)", WorkspaceUsage.init)
    }

    /// Reserves what a change may add by one guarded statement, and writes the change down.
    /// - Returns: false where less is left. A change that adds nothing is always possible.
    func begin(_ change: WorkspaceChange) throws -> Bool {
        let isLeft: SQL =
            change.bytes == 0 && change.entries == 0
            ? ""
            : """
            WHERE assistant_workspaces.bytes + assistant_workspaces.held_bytes + excluded.held_bytes
                    <= \(WorkspaceUsage.bytesMax)
                AND assistant_workspaces.entries + assistant_workspaces.held_entries + excluded.held_entries
                    <= \(WorkspaceUsage.entriesMax)
            """
        let isReserved = try execute(
            """
            INSERT INTO assistant_workspaces (organisation_id, bytes, entries, held_bytes, held_entries, version,
                counted_at)
            VALUES (\(change.organisation), 0, 0, \(change.bytes), \(change.entries), 1, \(now))
            ON CONFLICT (organisation_id) DO UPDATE SET
                held_bytes = assistant_workspaces.held_bytes + excluded.held_bytes,
                held_entries = assistant_workspaces.held_entries + excluded.held_entries,
                version = assistant_workspaces.version + 1
            \(isLeft)
            """
        )
        guard isReserved == 1 else { return false }
        try execute(
            """
            INSERT INTO assistant_workspace_changes (id, organisation_id, bytes, entries, expires_at)
            VALUES (\(change.id), \(change.organisation), \(change.bytes), \(change.entries),
                \(now + WorkspaceChange.lifetime))
            """
        )
        return true
    }

    /// Ends a change with what it has added.
    /// - Parameter size: nil where that is not known: the workspace is then counted anew.
    func end(_ change: WorkspaceChange, adding size: DirectoryHandle.Size?) throws {
        let isPresent = try execute(
            """
            DELETE FROM assistant_workspace_changes
            WHERE id = \(change.id) AND organisation_id = \(change.organisation)
            """
        )
        let workspace: SQL = "organisation_id = \(change.organisation)"
        // The counting that ended it may not have seen all of it.
        guard isPresent == 1 else {
            try execute("UPDATE assistant_workspaces SET counted_at = 0, version = version + 1 WHERE \(workspace)")
            return
        }
        let added = size ?? DirectoryHandle.Size()
        let countedAt: SQL = size == nil ? "0" : "counted_at"
        // Tools may have added what is removed now, so that it was not counted.
        try execute(
            """
            UPDATE assistant_workspaces SET held_bytes = held_bytes - \(change.bytes),
                held_entries = held_entries - \(change.entries),
                bytes = CASE WHEN bytes + \(added.bytes) < 0 THEN 0 ELSE bytes + \(added.bytes) END,
                entries = CASE WHEN entries + \(added.entries) < 0 THEN 0 ELSE entries + \(added.entries) END,
                counted_at = \(countedAt), version = version + 1
            WHERE \(workspace)
            """
        )
    }

    // MARK: For jobs

    /// The workspaces to count: those with changes whose process was killed, and those that were counted long ago.
    func workspacesToCount(limit: Int) throws -> [ID<Organisation>] {
        try all(
            """
            SELECT organisation_id FROM assistant_workspaces
            WHERE counted_at <= \(now - WorkspaceUsage.countInterval) OR organisation_id IN (
                SELECT organisation_id FROM assistant_workspace_changes WHERE expires_at <= \(now)
            )
            ORDER BY counted_at, organisation_id LIMIT \(limit)
            """
        ) { try $0["organisation_id"] }
    }

    func hasWorkspaceChanges(_ organisation: ID<Organisation>) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_workspace_changes
            WHERE organisation_id = \(organisation) AND expires_at > \(now)
            """) > 0
    }

    /// Writes what was counted, unless the workspace was changed since `version`, and ends the changes whose process
    /// was killed.
    func setWorkspaceSize(_ size: DirectoryHandle.Size, of organisation: ID<Organisation>, version: Int64) throws {
        let isWritten = try execute(
            """
            UPDATE assistant_workspaces SET bytes = \(size.bytes), entries = \(size.entries), held_bytes = 0,
                held_entries = 0, version = version + 1, counted_at = \(now)
            WHERE organisation_id = \(organisation) AND version = \(version)
            """
        )
        guard isWritten == 1 else { return }
        try execute("DELETE FROM assistant_workspace_changes WHERE organisation_id = \(organisation)")
    }
}
