import Identity
import Models
import Modules

struct CreateAssistantSession: Payload {
    var projectId: ID<AssistantProject>?
    /// By default `Session` with the date and the time.
    var name: String?
    /// By default the first model of `GET /v1/models`.
    var model: String?
    /// Any members.
    var metadata: [String: JSONValue]?

    static let rules: [String: Rule] = ["name": .length(1...200), "model": .length(1...200)]
}

struct ChangeAssistantSession: Payload {
    var name: String?
    /// `active`, `idle` or `archived`.
    var status: String?
    var metadata: [String: JSONValue]?

    static let rules: [String: Rule] = [
        "name": .length(1...200), "status": .oneOf(["active", "idle", "archived"]),
    ]
}

/// Tokens, as services have counted them.
struct AssistantTokenUsage: Codable, Sendable {
    var inputTokens: Int64
    var outputTokens: Int64
    var totalTokens: Int64

    init(_ usage: ModelUsage) {
        inputTokens = usage.input
        outputTokens = usage.output
        totalTokens = usage.input + usage.output
    }
}

struct AssistantSessionView: Payload {
    var id: ID<AssistantSession>
    var userId: ID<Person>
    var projectId: ID<AssistantProject>?
    var name: String
    var model: String
    var status: AssistantSession.Status
    var metadata: JSONValue
    var messageCount: Int64
    var tokenUsage: AssistantTokenUsage
    /// In US dollars.
    var totalCost: DecimalNumber
    var currency: String
    /// When it becomes idle without traffic.
    var activeUntil: Instant
    var archivedAt: Instant?
    var createdAt: Instant
    var updatedAt: Instant

    init(_ session: AssistantSession) throws {
        id = session.id
        userId = session.person
        projectId = session.project
        name = session.name
        model = session.model
        status = session.status
        metadata = try AssistantMetadata.value(session.metadata)
        messageCount = session.messageCount
        tokenUsage = AssistantTokenUsage(session.usage)
        totalCost = .dollars(session.costMicros)
        currency = "usd"
        activeUntil = session.activeUntil
        archivedAt = session.archivedAt
        createdAt = session.createdAt
        updatedAt = session.updatedAt
    }
}

struct AssistantSessionList: Payload {
    var sessions: [AssistantSessionView]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

struct AssistantSessionChanged: Payload {
    var message: String
    var sessionId: ID<AssistantSession>
    var status: AssistantSession.Status
}

struct AssistantAnswerStatus: Payload {
    var sessionId: ID<AssistantSession>
    var status: AssistantSession.Status
    /// Whether an answer is under way.
    var isRunning: Bool
    var model: String
    var messageCount: Int64
    var updatedAt: Instant
}

struct AssistantSessionStatistics: Payload {
    /// From its beginning to its last change.
    var durationSeconds: Int64
    var messageCount: Int64
    var tokenUsage: AssistantTokenUsage
    /// In US dollars.
    var totalCost: DecimalNumber
    var model: String
    var turnCount: Int64
    var errorCount: Int64
    /// In seconds; nil before the first turn.
    var averageResponseTime: DecimalNumber?
    /// Bytes of the stored messages.
    var memoryUsage: Int64
    var metadata: JSONValue

    init(_ session: AssistantSession) throws {
        durationSeconds = (session.updatedAt - session.createdAt).microseconds / 1_000_000
        messageCount = session.messageCount
        tokenUsage = AssistantTokenUsage(session.usage)
        totalCost = .dollars(session.costMicros)
        model = session.model
        turnCount = session.turnCount
        errorCount = session.errorCount
        if session.turnCount > 0 {
            averageResponseTime = DecimalNumber(
                session.responseTime.microseconds / session.turnCount, fractionDigits: 6)
        }
        memoryUsage = session.messageBytes
        metadata = try AssistantMetadata.value(session.metadata)
    }
}

/// Of all sessions of the person in the organisation.
struct AssistantStatistics: Payload {
    var activeSessions: Int64
    var totalSessions: Int64
    var totalMessages: Int64
    /// With those of turns without a session, and of deleted sessions for 90 days.
    var totalTokens: Int64
    /// In US dollars, of these tokens.
    var totalCost: DecimalNumber
}

struct AssistantMessageMetadata: Codable, Sendable {
    var turnId: ID<AssistantTurn>
    /// Whether the answer broke off, or was stopped.
    var isInterrupted: Bool
}

struct AssistantMessageView: Payload {
    var id: ID<AssistantMessage>
    var sessionId: ID<AssistantSession>
    var role: String
    /// Its texts, with those of results of tools.
    var content: String
    /// Where it is not a text alone: its texts, images, calls of tools and results, each with its `type`.
    var parts: [JSONValue]?
    /// Of an answer as the service has counted them; of other messages about one for four bytes.
    var tokenCount: Int64
    var messageMetadata: AssistantMessageMetadata
    var createdAt: Instant

    init(_ message: AssistantMessage, of session: ID<AssistantSession>) {
        id = message.id
        sessionId = session
        role = message.role.rawValue
        content = message.content
        parts = message.parts?.map(MessageParts.value)
        tokenCount = message.tokenCount
        messageMetadata = AssistantMessageMetadata(turnId: message.turn, isInterrupted: message.isInterrupted)
        createdAt = message.createdAt
    }
}

struct AssistantMessageList: Payload {
    var messages: [AssistantMessageView]
    var total: Int64
    var limit: Int
    var offset: Int
    var sessionId: ID<AssistantSession>

    var listTotal: Int64? { total }
}

/// A message that has the words of a search, with the beginning of its content: the first 2,000 characters.
struct FoundAssistantMessage: Payload {
    static let contentMax: Int64 = 2_000

    var message: AssistantMessageView
    var sessionName: String
}

struct AssistantSearchResults: Payload {
    var results: [FoundAssistantMessage]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }

    /// Words of a search.
    static let wordsMax = 16
}

/// A session with all of its messages.
struct AssistantSessionExport: Payload {
    var session: AssistantSessionView
    var messages: [AssistantMessageView]
}
