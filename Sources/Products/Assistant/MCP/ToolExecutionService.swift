import Audit
import Identity
import MCP
import Modules
import Secrets

/// Calls tools of servers, and stores the calls.
///
/// A call is a row before it is made, and its result is one afterwards: what has happened to a call whose process was
/// killed is not known, and it is never made again.
final class ToolExecutionService: Sendable {
    private let database: any Database
    private let connections: MCPConnections
    private let audit: AuditService
    private let events: SessionEvents
    private let runtime: Runtime

    private static let batch = 200

    /// A call that is being made.
    fileprivate struct Call: Sendable {
        let id: ID<ToolExecution>
        let found: MCPServerTool
        let arguments: JSONValue
        let caller: Caller
        var session: ID<AssistantSession>?
    }

    /// Who calls.
    struct Caller: Sendable {
        let organisation: ID<Organisation>
        let person: ID<Person>
        /// Nil for a workflow.
        let scope: Scope?
    }

    init(
        database: any Database, connections: MCPConnections, audit: AuditService, events: SessionEvents,
        runtime: Runtime
    ) {
        self.database = database
        self.connections = connections
        self.audit = audit
        self.events = events
        self.runtime = runtime
    }

    // MARK: Calls

    /// Calls a tool.
    /// - Throws: `tool-approval-required` with the id of the call, which is stored; `mcp-tool-not-found`,
    ///   `mcp-server-stopped`; `assistant-limit`; `mcp-server-failed`, `overloaded`; `assistant-session-not-found`.
    func call(_ request: MCPToolCall, scope: Scope) async throws(Problem) -> MCPToolCallResult {
        let call = try await begin(request, as: runtime.id(), scope: scope)
        guard !call.found.needsApproval else {
            throw Problem(
                .toolApprovalRequired,
                detail: "Send {\"approve\": true} to \(call.id.approvalPath) to make the call.",
                members: ["execution_id": .string(call.id.text), "server": .string(call.found.server.name)])
        }
        return try await answer(call)
    }

    /// Calls a tool for a model.
    /// - Parameter id: of the call.
    /// - Returns: nil for a call that is stored and waits for consent.
    /// - Throws: as ``call(_:scope:)``.
    func call(_ request: MCPToolCall, as id: ID<ToolExecution>, scope: Scope) async throws(Problem) -> MCPToolResult? {
        let call = try await begin(request, as: id, scope: scope)
        guard !call.found.needsApproval else { return nil }
        return try await made(call).result
    }

    /// Stores a call: as pending where it needs consent, else as running.
    private func begin(_ request: MCPToolCall, as id: ID<ToolExecution>, scope: Scope) async throws(Problem) -> Call {
        let arguments = try Self.text(request.arguments ?? [:], at: "/arguments")
        let caller = Caller(organisation: scope.organisation, person: scope.person, scope: scope)
        return try await database.write { [events, connections] transaction in
            // A call that begins while its person is removed would outlast the membership. The organisation is locked
            // before the session, as where a turn begins.
            try transaction.authority(of: scope, OrganisationRole.allCases)
            if let session = request.sessionId {
                _ = try transaction.assistantSession(session, in: scope, isLocked: true)
            }
            let found = try transaction.callableTool(request.tool, of: request.server, in: scope.organisation)
            let status: ToolExecution.Status = found.needsApproval ? .pending : .running
            try transaction.insert(
                id, found, arguments, of: caller, session: request.sessionId,
                digest: found.needsApproval ? connections.digest(of: found) : nil)
            let call = Call(
                id: id, found: found, arguments: .object(request.arguments ?? [:]), caller: caller,
                session: request.sessionId)
            try events.tool(call.event(status), in: scope.organisation, transaction)
            return call
        }
    }

    /// Makes or refuses a call that waits for consent, with the arguments that were stored.
    /// - Throws: `tool-execution-not-found`, `tool-execution-decided`, `tool-changed`; as ``call(_:scope:)``.
    func decide(_ id: ID<ToolExecution>, _ decision: ToolExecutionDecision, scope: Scope) async throws(Problem)
        -> ToolExecutionView
    {
        let call = try await database.write { [audit, connections, events] transaction -> Call? in
            try transaction.authority(of: scope, OrganisationRole.allCases)
            let execution = try transaction.toolExecution(id, in: scope, isLocked: true)
            guard execution.status == .pending else { throw Problem(.toolExecutionDecided) }
            try audit.record(
                AuditEvent(
                    decision.approve ? "mcp-tool.approved" : "mcp-tool.refused", by: scope, subject: id.text,
                    details: [
                        "tool": execution.toolName, "server": execution.server ?? "",
                        "arguments_sha256": Digest.hex(execution.input),
                    ]), in: transaction)
            guard decision.approve else {
                let end = ToolExecutionEnd(output: nil, error: "A person has refused the call.", milliseconds: 0)
                _ = try transaction.endToolExecution(id, of: scope.organisation, as: end, from: .pending)
                try events.tool(
                    AssistantToolExecutionEvent(execution, end), in: scope.organisation, transaction)
                return nil
            }
            let found = try transaction.callableTool(
                execution.toolName, of: execution.server, in: scope.organisation)
            guard try connections.digest(of: found) == execution.toolDigest else {
                throw Problem(.toolChanged, detail: "Refuse the call, and ask for it again.")
            }
            try transaction.requireRunningCapacity(of: scope.organisation)
            guard try transaction.startToolExecution(id, of: scope.organisation) else {
                throw Problem(.toolExecutionDecided)
            }
            let call = Call(
                id: id, found: found, arguments: try JSONValue(parsing: execution.input.utf8),
                caller: Caller(organisation: scope.organisation, person: scope.person, scope: scope),
                session: execution.session)
            try events.tool(call.event(.running), in: scope.organisation, transaction)
            return call
        }
        if let call { _ = try await answer(call) }
        return try await view(id, scope: scope)
    }

    /// What a person consents to (``MCPConnections/digest(of:)``).
    func digest(of found: MCPServerTool) throws -> String { try connections.digest(of: found) }

    /// Calls a tool for a step of a workflow, to which a person has consented where that is needed.
    /// - Parameter digest: of the tool that is meant.
    /// - Throws: ``MCPError``; a `Problem` where there is no such tool: `tool-changed` where its digest is another one.
    func call(
        _ tool: String, of server: String, digest: String, arguments: [String: JSONValue], by person: ID<Person>,
        of organisation: ID<Organisation>
    ) async throws -> MCPToolResult {
        let text = try Self.text(arguments, at: "/arguments")
        let id: ID<ToolExecution> = runtime.id()
        let caller = Caller(organisation: organisation, person: person, scope: nil)
        let found = try await database.write { [connections] transaction in
            let found = try transaction.callableTool(tool, of: server, in: organisation)
            guard try connections.digest(of: found) == digest else { throw Problem(.toolChanged) }
            try transaction.insert(id, found, text, of: caller, session: nil)
            return found
        }
        return try await make(Call(id: id, found: found, arguments: .object(arguments), caller: caller)).result
    }

    private func answer(_ call: Call) async throws(Problem) -> MCPToolCallResult {
        let (result, milliseconds) = try await made(call)
        return MCPToolCallResult(
            executionId: call.id, server: call.found.server.name, tool: call.found.tool.name, result: result.json,
            error: result.isError ? String(result.text.prefix(ToolExecution.errorMax)) : nil,
            durationMs: milliseconds)
    }

    /// As ``make(_:)``, with a problem for what the server has done wrong.
    private func made(_ call: Call) async throws(Problem) -> (result: MCPToolResult, milliseconds: Int64) {
        do { return try await make(call) } catch let error as MCPError { throw Problem(error) } catch {
            throw Problem.wrapping(error)
        }
    }

    /// Makes a call that is stored as running, and stores its end, also where its task is cancelled.
    private func make(_ call: Call) async throws -> (result: MCPToolResult, milliseconds: Int64) {
        let started = ContinuousClock.now
        let result: Result<MCPToolResult, any Error>
        do {
            let client = try await connections.client(of: call.found.server)
            result = .success(try await client.call(call.found.tool, arguments: call.arguments))
        } catch { result = .failure(error) }
        let milliseconds = (ContinuousClock.now - started).microseconds / 1_000
        try await Task { [self] in try await store(result, of: call, milliseconds: milliseconds) }.value
        return (try result.get(), milliseconds)
    }

    private func store(_ result: Result<MCPToolResult, any Error>, of call: Call, milliseconds: Int64) async throws {
        let end: ToolExecutionEnd
        switch result {
        case .success(let result):
            end = ToolExecutionEnd(
                output: try JSONColumn.encode(result.json).replacingNUL,
                error: result.isError ? String(result.text.prefix(ToolExecution.errorMax)).replacingNUL : nil,
                milliseconds: milliseconds)
        case .failure(let error):
            let text = (error as? MCPError)?.notice ?? Problem.wrapping(error).title
            end = ToolExecutionEnd(
                output: nil, error: String(text.prefix(ToolExecution.errorMax)).replacingNUL,
                milliseconds: milliseconds)
        }
        let arguments = try JSONColumn.encode(call.arguments)
        try await database.write { [audit, events] transaction in
            guard try transaction.endToolExecution(call.id, of: call.caller.organisation, as: end) else { return }
            try transaction.addToolUse(
                call.found.tool.name, of: call.found.server.name, in: call.caller.organisation,
                hasFailed: end.error != nil, duration: .milliseconds(milliseconds))
            var details = [
                "server": call.found.server.name, "tool": call.found.tool.name, "duration_ms": "\(milliseconds)",
                "arguments_sha256": Digest.hex(arguments),
            ]
            details["result_sha256"] = end.output.map { Digest.hex($0) }
            if case .failure(let error) = result {
                details["reason"] = (error as? MCPError)?.kind.rawValue ?? Problem.wrapping(error).kind.code
            }
            try audit.record(call.caller.event("mcp-tool.called", of: call.id, end, details), in: transaction)
            try events.tool(call.event(end.status, end), in: call.caller.organisation, transaction)
        }
    }

    // MARK: Stored calls

    func view(_ id: ID<ToolExecution>, scope: Scope) async throws(Problem) -> ToolExecutionView {
        try await database.read { try ToolExecutionView(try $0.toolExecution(id, in: scope)) }
    }

    /// - Throws: `assistant-session-not-found`.
    func list(of id: ID<AssistantSession>, scope: Scope, kind: String?, status: String?, limit: Int)
        async throws(Problem) -> ToolExecutionList
    {
        let kind = kind.flatMap(ToolExecution.Kind.init)
        let status = status.flatMap(ToolExecution.Status.init)
        return try await database.read { transaction in
            let session = try transaction.assistantSession(id, in: scope)
            return ToolExecutionList(
                executions: try transaction.toolExecutions(of: session, kind: kind, status: status, limit: limit)
                    .map { try ToolExecutionView($0) },
                total: try transaction.countToolExecutions(of: session, kind: kind, status: status), sessionId: id)
        }
    }

    /// Stores a call that a client has made.
    /// - Throws: `assistant-session-not-found`; `validation-failed`; `assistant-limit`; `conflict` for an id that is
    ///   there.
    func record(_ request: ReportedToolExecution, in session: ID<AssistantSession>, scope: Scope)
        async throws(Problem) -> ToolExecutionView
    {
        let input = try Self.text(request.inputParams ?? [:], at: "/input_params")
        let output = try request.output.map { value throws(Problem) in
            try Self.text(value, at: "/output", upTo: ToolExecution.outputBytesMax)
        }
        let hasFailed = request.status == "failed" || (request.status == nil && request.errorMessage != nil)
        let id: ID<ToolExecution> = request.id ?? runtime.id()
        return try await database.write { [events] transaction in
            _ = try transaction.assistantSession(session, in: scope, isLocked: true)
            try transaction.requireCapacity(for: scope.person, in: scope.organisation)
            guard
                try transaction.count(
                    "SELECT COUNT(*) AS count FROM assistant_tool_executions WHERE id = \(id)") == 0
            else { throw Problem(.conflict, detail: "A call with this id was reported before.") }
            try transaction.insert(
                NewToolExecution(
                    id: id, organisation: scope.organisation, person: scope.person, session: session,
                    toolName: request.toolName, kind: request.toolType ?? .native, input: input, output: output,
                    status: hasFailed ? .failed : .completed,
                    error: request.errorMessage.map { $0.replacingNUL }, milliseconds: request.executionTimeMs,
                    isReported: true, createdAt: request.createdAt,
                    completedAt: request.completedAt ?? transaction.now))
            try transaction.addToolUse(
                request.toolName, of: "", in: scope.organisation, hasFailed: hasFailed,
                duration: request.executionTimeMs.map { .milliseconds($0) })
            let execution = try transaction.toolExecution(id, in: scope)
            try events.tool(AssistantToolExecutionEvent(execution), in: scope.organisation, transaction)
            return try ToolExecutionView(execution)
        }
    }

    /// Ends calls of killed processes and questions without an answer, deletes old calls, and ends idle processes of
    /// servers.
    func maintain(_ context: JobContext) async throws {
        while true {
            let overdue = try await database.read { try $0.overdueToolExecutions(limit: Self.batch) }
            for execution in overdue {
                try context.checkCancellation()
                // A transaction locks one topic.
                try await endOverdue(execution)
            }
            if overdue.count < Self.batch { break }
        }
        while try await database.write({ try $0.deleteOldToolExecutions(limit: Self.batch) }) == Self.batch {
            try context.checkCancellation()
        }
        try await connections.closeIdle()
    }

    /// Ends a call whose process was killed, or a question that no person has answered.
    private func endOverdue(_ execution: ToolExecution) async throws {
        let error =
            execution.status == .pending
            ? "No person has consented to the call."
            : "The process that made the call has ended: whether the tool has run is not known."
        let end = ToolExecutionEnd(output: nil, error: error, milliseconds: nil)
        try await database.write { [audit, events] transaction in
            guard
                try transaction.endToolExecution(
                    execution.id, of: execution.organisation, as: end, from: execution.status)
            else { return }
            if execution.status == .running {
                let caller = Caller(organisation: execution.organisation, person: execution.person, scope: nil)
                let details = [
                    "server": execution.server ?? "", "tool": execution.toolName,
                    "arguments_sha256": Digest.hex(execution.input), "reason": "process-ended",
                ]
                try audit.record(caller.event("mcp-tool.called", of: execution.id, end, details), in: transaction)
            }
            try events.tool(AssistantToolExecutionEvent(execution, end), in: execution.organisation, transaction)
        }
    }

    /// - Throws: `validation-failed` for what is too large.
    private static func text(
        _ value: some Encodable, at pointer: String, upTo bytesMax: Int = ToolExecution.inputBytesMax
    ) throws(Problem) -> String {
        let text = try Problem.rethrowing { try JSONColumn.encode(value) }
        guard text.utf8.count <= bytesMax else { throw Problem.invalid(pointer, "has more than \(bytesMax) bytes") }
        return text
    }
}

extension ToolExecutionService.Call {
    /// Nil for a call without a session.
    fileprivate func event(_ status: ToolExecution.Status, _ end: ToolExecutionEnd? = nil)
        -> AssistantToolExecutionEvent?
    {
        session.map { session in
            AssistantToolExecutionEvent(
                id: id, sessionId: session, toolName: found.tool.name, toolType: .mcp, server: found.server.name,
                status: status, errorMessage: end?.error, executionTimeMs: end?.milliseconds)
        }
    }
}

extension ToolExecutionService.Caller {
    fileprivate func event(
        _ action: String, of id: ID<ToolExecution>, _ end: ToolExecutionEnd, _ details: [String: String]
    ) -> AuditEvent {
        let outcome: AuditEvent.Outcome = end.error == nil ? .success : .failure
        guard let scope else {
            return AuditEvent(
                action, outcome: outcome, actor: person.text, organisation: organisation.text, subject: id.text,
                details: details)
        }
        return AuditEvent(action, outcome: outcome, by: scope, subject: id.text, details: details)
    }
}

extension Transaction {
    /// - Throws: `mcp-tool-not-found`; `mcp-server-stopped`.
    fileprivate func callableTool(_ name: String, of server: String?, in organisation: ID<Organisation>) throws
        -> MCPServerTool
    {
        guard let found = try mcpTool(name, of: server, in: organisation) else { throw Problem(.mcpToolNotFound) }
        guard found.server.status == .running else {
            throw Problem(.mcpServerStopped, detail: "Start the server '\(found.server.name)' first.")
        }
        return found
    }

    /// - Throws: `assistant-limit`.
    fileprivate func requireCapacity(for person: ID<Person>, in organisation: ID<Organisation>) throws {
        guard try countToolExecutions(of: person, in: organisation) < ToolExecution.countMax else {
            throw Problem(
                .assistantLimit,
                detail:
                    "At most \(ToolExecution.countMax) calls are stored. Delete sessions, or wait for old ones to go.")
        }
    }

    /// Locks the organisation, so that calls which begin at the same moment count one another.
    /// - Throws: `overloaded` while as many calls run as may at once.
    fileprivate func requireRunningCapacity(of organisation: ID<Organisation>) throws {
        _ = try first("SELECT id FROM organisations WHERE id = \(organisation) \(.forNoKeyUpdate)")
        guard try countRunningToolExecutions(of: organisation) < ToolExecution.runningMax else {
            throw Problem.overloaded(
                retryAfter: 5, detail: "The organisation runs \(ToolExecution.runningMax) calls of tools at once.")
        }
    }

    /// - Parameter digest: of the tool of a call that waits for consent; nil for one that runs.
    fileprivate func insert(
        _ id: ID<ToolExecution>, _ found: MCPServerTool, _ arguments: String, of caller: ToolExecutionService.Caller,
        session: ID<AssistantSession>?, digest: String? = nil
    ) throws {
        let status: ToolExecution.Status = digest == nil ? .running : .pending
        try requireCapacity(for: caller.person, in: caller.organisation)
        if status == .running { try requireRunningCapacity(of: caller.organisation) }
        try insert(
            NewToolExecution(
                id: id, organisation: caller.organisation, person: caller.person, session: session,
                toolName: found.tool.name, server: found.server.name, toolDigest: digest, input: arguments,
                status: status, lifetime: status == .pending ? ToolExecution.pendingTime : ToolExecution.lifetime))
    }
}
