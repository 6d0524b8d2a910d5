import Modules

/// A call of a tool of one of the organisation's servers.
struct MCPToolCall: Payload {
    /// By default the running server with the highest priority that has the tool.
    var server: String?
    var tool: String
    var arguments: [String: JSONValue]?
    /// The session that the call belongs to.
    var sessionId: ID<AssistantSession>?

    static let rules: [String: Rule] = ["server": .length(1...64), "tool": .length(1...128)]
}

struct MCPToolCallResult: Payload {
    var executionId: ID<ToolExecution>
    var server: String
    var tool: String
    /// What the server has sent: `content`, `structuredContent` and `isError`.
    var result: JSONValue
    /// What the tool says where it has failed.
    var error: String?
    var durationMs: Int64
}

/// The answer to the question about a call.
struct ToolExecutionDecision: Payload {
    var approve: Bool
}

/// A call that a client reports.
struct ReportedToolExecution: Payload {
    /// By default a new one.
    var id: ID<ToolExecution>?
    var toolName: String
    /// `native` by default.
    var toolType: ToolExecution.Kind?
    var inputParams: [String: JSONValue]?
    var output: JSONValue?
    /// `completed` by default, `failed` with a message of an error. One that is not finished cannot be reported.
    var status: String?
    var errorMessage: String?
    var executionTimeMs: Int64?
    var createdAt: Instant?
    var completedAt: Instant?

    static let rules: [String: Rule] = [
        "tool_name": .length(1...128), "status": .oneOf(["completed", "failed"]), "error_message": .length(0...1_000),
        "execution_time_ms": .range(0...86_400_000),
    ]
}

struct ToolExecutionView: Payload {
    var id: ID<ToolExecution>
    var sessionId: ID<AssistantSession>?
    var toolName: String
    var toolType: ToolExecution.Kind
    /// Of a call of a server's tool.
    var server: String?
    var inputParams: JSONValue
    var output: JSONValue?
    var status: ToolExecution.Status
    var errorMessage: String?
    var executionTimeMs: Int64?
    /// Whether a client has reported it.
    var isReported: Bool
    var createdAt: Instant
    var completedAt: Instant?

    init(_ execution: ToolExecution) throws {
        id = execution.id
        sessionId = execution.session
        toolName = execution.toolName
        toolType = execution.kind
        server = execution.server
        inputParams = try JSONValue(parsing: execution.input.utf8)
        output = try execution.output.map { try JSONValue(parsing: $0.utf8) }
        status = execution.status
        errorMessage = execution.error
        executionTimeMs = execution.milliseconds
        isReported = execution.isReported
        createdAt = execution.createdAt
        completedAt = execution.completedAt
    }
}

struct ToolExecutionList: Payload {
    var executions: [ToolExecutionView]
    var total: Int64
    var sessionId: ID<AssistantSession>

    var listTotal: Int64? { total }
}
