import Identity
import MCP
import Models
import Modules

/// A row of a call that is inserted.
struct NewToolExecution: Sendable {
    let id: ID<ToolExecution>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let session: ID<AssistantSession>?
    let toolName: String
    var kind = ToolExecution.Kind.mcp
    var server: String?
    /// Of one that waits for consent.
    var toolDigest: String?
    let input: String
    var output: String?
    let status: ToolExecution.Status
    var error: String?
    var milliseconds: Int64?
    var isReported = false
    /// When an open one is ended.
    var lifetime = Duration.zero
    var createdAt: Instant?
    var completedAt: Instant?
}

/// The SQL of calls of tools. A call is its person's; others do not find it.
extension Transaction {
    func insert(_ new: NewToolExecution) throws {
        try execute(
            """
            INSERT INTO assistant_tool_executions (id, organisation_id, person_id, session_id, tool_name, tool_type,
                server_name, tool_digest, input_params, output, status, error_message, execution_millis, is_reported,
                deadline_at, created_at, completed_at)
            VALUES (\(new.id), \(new.organisation), \(new.person), \(new.session), \(new.toolName), \(new.kind),
                \(new.server), \(new.toolDigest), \(new.input), \(new.output), \(new.status), \(new.error),
                \(new.milliseconds), \(new.isReported), \(now + new.lifetime), \(new.createdAt ?? now),
                \(new.completedAt))
            """
        )
    }

    func countToolExecutions(of person: ID<Person>, in organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_tool_executions
            WHERE organisation_id = \(organisation) AND person_id = \(person)
            """)
    }

    func countRunningToolExecutions(of organisation: ID<Organisation>) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_tool_executions
            WHERE organisation_id = \(organisation) AND status = 'running' AND completed_at IS NULL
            """)
    }

    /// - Parameter isLocked: whether the row is locked until the transaction ends.
    /// - Throws: `tool-execution-not-found`, also for one of another person or organisation.
    func toolExecution(_ id: ID<ToolExecution>, in scope: Scope, isLocked: Bool = false) throws -> ToolExecution {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        let found = try first(
            "SELECT * FROM assistant_tool_executions WHERE id = \(id) AND \(Self.isAssistantOwner(scope)) \(lock)",
            ToolExecution.init)
        guard let found else { throw Problem(.toolExecutionNotFound) }
        return found
    }

    /// Starts a call that waits for consent, once.
    /// - Returns: false where it was decided before.
    func startToolExecution(_ id: ID<ToolExecution>, of organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            UPDATE assistant_tool_executions SET status = 'running', deadline_at = \(now + ToolExecution.lifetime)
            WHERE id = \(id) AND organisation_id = \(organisation) AND status = 'pending'
            """
        ) == 1
    }

    /// Ends a call once.
    /// - Returns: false where it has ended before.
    func endToolExecution(
        _ id: ID<ToolExecution>, of organisation: ID<Organisation>, as end: ToolExecutionEnd,
        from status: ToolExecution.Status = .running
    ) throws -> Bool {
        try execute(
            """
            UPDATE assistant_tool_executions SET status = \(end.status), output = \(end.output),
                error_message = \(end.error), execution_millis = \(end.milliseconds), completed_at = \(now)
            WHERE id = \(id) AND organisation_id = \(organisation) AND status = \(status)
            """
        ) == 1
    }

    /// The calls of a session, the newest first.
    func toolExecutions(
        of session: AssistantSession, kind: ToolExecution.Kind?, status: ToolExecution.Status?, limit: Int
    ) throws -> [ToolExecution] {
        try all(
            """
            SELECT * FROM assistant_tool_executions WHERE \(Self.are(kind, status, of: session))
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """,
            ToolExecution.init)
    }

    func countToolExecutions(of session: AssistantSession, kind: ToolExecution.Kind?, status: ToolExecution.Status?)
        throws -> Int64
    {
        try count(
            """
            SELECT COUNT(*) AS count FROM assistant_tool_executions WHERE \(Self.are(kind, status, of: session))
            """)
    }

    private static func are(
        _ kind: ToolExecution.Kind?, _ status: ToolExecution.Status?, of session: AssistantSession
    ) -> SQL {
        var condition: SQL = "session_id = \(session.id) AND organisation_id = \(session.organisation)"
        if let kind { condition = condition + " AND tool_type = \(kind)" }
        if let status { condition = condition + " AND status = \(status)" }
        return condition
    }

    /// The messages of a session with the results of calls that waited for consent when their answer ended, and have
    /// ended since. They follow their calls.
    func withLateResults(_ messages: [SessionHistory.Message], in session: AssistantSession) throws
        -> [SessionHistory.Message]
    {
        let answered = Set(messages.flatMap(\.message.resultIDs))
        let open = messages.flatMap(\.message.toolCalls).map(\.id).filter { !answered.contains($0) }
        let ids = open.suffix(Self.lateResultsMax).compactMap { ServerToolCall.execution(of: $0) }
        guard !ids.isEmpty else { return messages }
        let ended = try all(
            """
            SELECT * FROM assistant_tool_executions
            WHERE id IN \(list: ids) AND session_id = \(session.id) AND organisation_id = \(session.organisation)
                AND completed_at IS NOT NULL
            """,
            ToolExecution.init)
        let results = Dictionary(ended.map { ($0.id, $0) }) { first, _ in first }
        return try messages.flatMap { stored in
            let late = try stored.message.toolCalls.compactMap { call -> ModelMessage.Content? in
                guard !answered.contains(call.id), let id = ServerToolCall.execution(of: call.id),
                    let execution = results[id]
                else { return nil }
                let output = try execution.output.map { try MCPToolResult(try JSONValue(parsing: $0.utf8)).text }
                var left = Int64.max
                let outcome = ServerToolOutcome.result(
                    [.text(output ?? execution.error ?? "")], isError: execution.status == .failed)
                let tool = ServerTool(server: execution.server ?? "", name: execution.toolName)
                return ServerToolService.results(
                    [ServerToolCall(id, tool, call)], [outcome], takesImages: false, within: &left
                ).first
            }
            guard !late.isEmpty else { return [stored] }
            return [stored, SessionHistory.Message(position: stored.position, message: ModelMessage(.user, late))]
        }
    }

    private static var lateResultsMax: Int { 100 }

    func deleteToolExecutions(of session: AssistantSession) throws {
        try execute(
            """
            DELETE FROM assistant_tool_executions
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    /// Calls of all organisations whose process was killed, and questions that no person has answered.
    func overdueToolExecutions(limit: Int) throws -> [ToolExecution] {
        try all(
            """
            SELECT * FROM assistant_tool_executions WHERE completed_at IS NULL AND deadline_at <= \(now)
            ORDER BY deadline_at, id LIMIT \(limit)
            """,
            ToolExecution.init)
    }

    /// Of all organisations.
    func deleteOldToolExecutions(limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM assistant_tool_executions WHERE id IN (
                SELECT id FROM assistant_tool_executions
                WHERE session_id IS NULL AND completed_at <= \(now - ToolExecution.retention)
                ORDER BY completed_at, id LIMIT \(limit))
            """
        )
    }
}
