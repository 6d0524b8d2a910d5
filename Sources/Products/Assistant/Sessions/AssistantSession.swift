import Identity
import Models
import Modules

/// A conversation of one person, whose messages are stored.
struct AssistantSession: Sendable {
    enum Status: String, Codable, Sendable, CaseIterable, SQLReadable {
        case active
        /// Without traffic for ``AssistantSettings/sessionTimeout``. It is not counted as active.
        case idle
        case streaming
        case archived
        /// Active, and the last turn had no answer.
        case error
    }

    let id: ID<AssistantSession>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let project: ID<AssistantProject>?
    var name: String
    let model: String
    /// JSON.
    var metadata: String
    let status: Status
    let messageCount: Int64
    let messageBytes: Int64
    let turnCount: Int64
    let errorCount: Int64
    let usage: ModelUsage
    /// In millionths of a US dollar.
    let costMicros: Int64
    /// Of all turns together.
    let responseTime: Duration
    /// Until when it is active, unless it is archived or has traffic before.
    var activeUntil: Instant
    var archivedAt: Instant?
    let createdAt: Instant
    let updatedAt: Instant

    /// Of one person in an organisation.
    static let countMax: Int64 = 10_000
    /// Messages of one session.
    static let messagesMax: Int64 = 2_000
    /// Bytes of the messages of one session, with those of images: they are read with every turn.
    static let bytesMax: Int64 = 16 << 20

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        project = try row["project_id"]
        name = try row["name"]
        model = try row["model"]
        metadata = try row["metadata"]
        status = try row["status"]
        messageCount = try row["message_count"]
        messageBytes = try row["message_bytes"]
        turnCount = try row["turn_count"]
        errorCount = try row["error_count"]
        usage = ModelUsage(input: try row["input_tokens"], output: try row["output_tokens"])
        costMicros = try row["cost_micros"]
        responseTime = .microseconds(try row["response_micros"] as Int64)
        activeUntil = try row["active_until"]
        archivedAt = try row["archived_at"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }

    /// Whether it is counted among those that are active at once.
    func isActive(at now: Instant) -> Bool { archivedAt == nil && activeUntil > now }
}

/// A message of a session.
struct AssistantMessage: Sendable {
    let id: ID<AssistantMessage>
    let position: Int64
    let role: ModelMessage.Role
    /// What a person reads of it.
    let content: String
    /// The whole content, where it is not a text alone.
    let parts: [ModelMessage.Content]?
    let tokenCount: Int64
    /// Whether the answer broke off, or was stopped.
    let isInterrupted: Bool
    let turn: ID<AssistantTurn>
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        position = try row["position"]
        role = try row["role"]
        content = try row["content"]
        parts = try (row["parts"] as String?).map { try MessageParts.content(of: $0) }
        tokenCount = try row["token_count"]
        isInterrupted = try row["is_interrupted"]
        turn = try row["turn_id"]
        createdAt = try row["created_at"]
    }

    var modelMessage: ModelMessage { ModelMessage(role, parts ?? [.text(content)]) }
}

extension ModelMessage.Role: SQLBindable, SQLReadable {}
