import Models
import Modules

// The messages of a session's topic, whose types are `session_update`, `message`, `token_update` and `tool_execution`.

struct AssistantSessionUpdate: Payload {
    var sessionId: ID<AssistantSession>
    /// Whose begin or end it is; nil for a change by the person.
    var turnId: ID<AssistantTurn>?
    var status: AssistantSession.Status
}

struct AssistantMessageEvent: Payload {
    var id: ID<AssistantMessage>
    var sessionId: ID<AssistantSession>
    var turnId: ID<AssistantTurn>
    var role: String
    /// The first 2,000 characters.
    var content: String
    /// Whether the message has more: a longer content, or calls of tools, results and images.
    var hasMore: Bool
    var tokenCount: Int64
    var isInterrupted: Bool
    var createdAt: Instant

    init(
        _ message: NewAssistantMessage, of turn: AssistantTurn, in session: ID<AssistantSession>, at now: Instant
    ) {
        let scalars = message.content.unicodeScalars.prefix(Int(FoundAssistantMessage.contentMax))
        id = message.id
        sessionId = session
        turnId = turn.id
        role = message.role.rawValue
        content = String(String.UnicodeScalarView(scalars))
        hasMore = message.parts != nil || scalars.endIndex < message.content.unicodeScalars.endIndex
        tokenCount = message.tokenCount
        isInterrupted = message.isInterrupted
        createdAt = now
    }
}

struct AssistantTokenUpdate: Payload {
    var sessionId: ID<AssistantSession>
    var turnId: ID<AssistantTurn>
    /// Of the turn.
    var usage: AssistantTokenUsage
    /// In US dollars, of the turn.
    var totalCost: DecimalNumber
}

/// A call of a tool has a new status. Its arguments and its result are those of `GET /v1/mcp/executions/{id}`.
struct AssistantToolExecutionEvent: Payload {
    var id: ID<ToolExecution>
    var sessionId: ID<AssistantSession>
    var toolName: String
    var toolType: ToolExecution.Kind
    /// Of a call of a server's tool.
    var server: String?
    var status: ToolExecution.Status
    var errorMessage: String?
    var executionTimeMs: Int64?
}

extension AssistantToolExecutionEvent {
    /// - Parameter end: nil for the end that the call has already.
    /// - Returns: nil for a call without a session.
    init?(_ execution: ToolExecution, _ end: ToolExecutionEnd? = nil) {
        guard let session = execution.session else { return nil }
        self.init(
            id: execution.id, sessionId: session, toolName: execution.toolName, toolType: execution.kind,
            server: execution.server, status: end?.status ?? execution.status,
            errorMessage: end.map(\.error) ?? execution.error,
            executionTimeMs: end.map(\.milliseconds) ?? execution.milliseconds)
    }
}
