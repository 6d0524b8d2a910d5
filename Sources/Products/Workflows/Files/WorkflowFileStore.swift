import Identity
import Modules

/// The SQL of the files of workflows.
extension Transaction {
    func workflowFiles(of root: ID<Workflow>, in organisation: ID<Organisation>) throws -> [WorkflowFile] {
        try all(
            """
            SELECT root_id, path, bytes, sha256, created_at FROM workflow_files
            WHERE root_id = \(root) AND organisation_id = \(organisation) ORDER BY path
            """,
            WorkflowFile.init)
    }

    func workflowFile(_ path: WorkflowPath, of root: ID<Workflow>, in organisation: ID<Organisation>) throws
        -> WorkflowFile?
    {
        try first(
            """
            SELECT root_id, path, bytes, sha256, created_at FROM workflow_files
            WHERE root_id = \(root) AND organisation_id = \(organisation) AND path = \(path)
            """,
            WorkflowFile.init)
    }

    /// Inserts a file, or replaces the one with this path.
    func saveWorkflowFile(
        _ id: ID<WorkflowFile>, _ path: WorkflowPath, bytes: Int64, sha256: String, of root: ID<Workflow>,
        in organisation: ID<Organisation>
    ) throws {
        try execute(
            """
            INSERT INTO workflow_files (id, organisation_id, root_id, path, bytes, sha256, created_at)
            VALUES (\(id), \(organisation), \(root), \(path), \(bytes), \(sha256), \(now))
            ON CONFLICT (root_id, path) DO UPDATE
            SET bytes = excluded.bytes, sha256 = excluded.sha256, created_at = excluded.created_at
            """
        )
    }

    /// Deletes a file, unless it has other content by now.
    func deleteWorkflowFile(
        _ path: WorkflowPath, sha256: String, of root: ID<Workflow>, in organisation: ID<Organisation>
    ) throws {
        try execute(
            """
            DELETE FROM workflow_files
            WHERE root_id = \(root) AND organisation_id = \(organisation) AND path = \(path) AND sha256 = \(sha256)
            """
        )
    }

    func workflowFileBytes(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) AS count FROM workflow_files
            WHERE organisation_id = \(organisation)
            """)
    }
}
