import Modules

/// The SQL of what was done for sessions.
extension Transaction {
    func insertAction(
        _ kind: SandboxAction.Kind, _ status: SandboxAction.Status, _ details: String, milliseconds: Int64? = nil,
        error: String? = nil, id: ID<SandboxAction>, of session: SandboxSession
    ) throws {
        try execute(
            """
            INSERT INTO sandbox_actions (id, organisation_id, session_id, kind, status, details, execution_time_ms,
                error_message, created_at)
            VALUES (\(id), \(session.organisation), \(session.id), \(kind), \(status), \(details), \(milliseconds),
                \(error), \(now))
            """
        )
    }

    /// The newest actions, the oldest of them first.
    func sandboxActions(of session: SandboxSession) throws -> [SandboxAction] {
        try all(
            """
            SELECT kind, status, details, execution_time_ms, error_message, created_at FROM sandbox_actions
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            ORDER BY created_at DESC, id DESC LIMIT \(SandboxAction.listedMax)
            """, SandboxAction.init
        ).reversed()
    }
}
