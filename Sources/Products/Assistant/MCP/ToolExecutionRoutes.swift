import Entitlements
import Identity
import Modules

/// The endpoints of calls of tools.
struct ToolExecutionRoutes: Sendable {
    let executions: ToolExecutionService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        let access = member.allowing(.assistant)
        let session: PathID<AssistantSession> = .path("session_id", of: AssistantSession.self)
        let routes: [Route] = [
            .post(
                "mcp/tools/call", "Call a tool of one of the organisation's servers", requires: access,
                problems: Self.callProblems + [.toolApprovalRequired, .assistantSessionNotFound]
            ) { [executions] (request: MCPToolCall, scope) in try await executions.call(request, scope: scope) },
            .get(
                "mcp/executions/{execution_id}", "Get a call of a tool", requires: access,
                .path("execution_id", of: ToolExecution.self), problems: [.toolExecutionNotFound]
            ) { [executions] in try await executions.view($1, scope: $0) },
            // A person consents, in a session: a key is used by programs.
            .post(
                "mcp/executions/{execution_id}/approval",
                "Consent to a call of a tool, which is then made, or refuse it",
                requires: member, .path("execution_id", of: ToolExecution.self),
                problems: Self.callProblems + [.toolExecutionNotFound, .toolExecutionDecided, .toolChanged]
            ) { [executions] (decision: ToolExecutionDecision, scope, id) in
                try await executions.decide(id, decision, scope: scope)
            },
            .get(
                "sessions/{session_id}/tools", "List the calls of tools of a session, the newest first",
                requires: access, session,
                .query("tool_type", oneOf: ToolExecution.Kind.allCases.map(\.rawValue)),
                .query("status", oneOf: ToolExecution.Status.allCases.map(\.rawValue)),
                .query("limit", 1...1_000, default: 100), problems: [.assistantSessionNotFound]
            ) { [executions] scope, id, kind, status, limit in
                try await executions.list(of: id, scope: scope, kind: kind, status: status, limit: limit)
            },
            .post(
                "sessions/{session_id}/tools", "Report a call of a tool that the client has made", requires: access,
                session, problems: [.assistantSessionNotFound, .assistantLimit, .conflict]
            ) { [executions] (request: ReportedToolExecution, scope, id) in
                Created(try await executions.record(request, in: id, scope: scope))
            },
        ]
        return routes.map { $0.guarded(by: entitlements.rate(.assistant)) }
    }

    private static let callProblems: [Problem.Kind] = [
        .mcpToolNotFound, .mcpServerNotFound, .mcpServerStopped, .mcpServerFailed, .assistantLimit, .notConfigured,
    ]
}
