import Modules

/// The SQL of what was done for sessions.
extension Transaction {
    /// Inserts an action behind the earlier ones of its session: several can have the same time.
    func insertAction(
        _ kind: SandboxAction.Kind, _ status: SandboxAction.Status, _ details: String, milliseconds: Int64? = nil,
        error: String? = nil, id: ID<SandboxAction>, of session: SandboxSession
    ) throws {
        try execute(
            """
            INSERT INTO sandbox_actions (id, organisation_id, session_id, number, kind, status, details,
                execution_time_ms, error_message, created_at)
            VALUES (\(id), \(session.organisation), \(session.id),
                (SELECT COALESCE(MAX(number), 0) + 1 FROM sandbox_actions WHERE session_id = \(session.id)),
                \(kind), \(status), \(details), \(milliseconds), \(error), \(now))
            """
        )
    }

    /// The newest actions, the oldest of them first.
    func sandboxActions(of session: SandboxSession) throws -> [SandboxAction] {
        try all(
            """
            SELECT kind, status, details, execution_time_ms, error_message, created_at FROM sandbox_actions
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            ORDER BY number DESC, id DESC LIMIT \(SandboxAction.listedMax)
            """, SandboxAction.init
        ).reversed()
    }
}
