import Models
import Modules

// The messages of a session's topic, whose types are `session_update`, `message` and `token_update`.

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
