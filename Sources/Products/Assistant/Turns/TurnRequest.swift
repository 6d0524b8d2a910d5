import Models
import Modules

/// A request for an answer, in the words of neither API.
struct TurnRequest: Sendable {
    /// Nil for the model of the session, or the default one.
    var model: String?
    /// In their order, system messages among them.
    var messages: [ModelMessage]
    /// Of each answer.
    var answerTokens: Int64
    var temperature: Double?
    var topP: Double?
    var topK: Int64?
    var seed: Int64?
    var presencePenalty: Double?
    var frequencyPenalty: Double?
    var stopSequences: [String] = []
    var tools: [ModelTool] = []
    var toolChoice = ModelRequest.ToolChoice.auto
    var parallelToolCalls: Bool?
    /// That the answer is to have.
    var schema: ModelSchema?
    /// Whether the answer is to be a JSON object.
    var wantsJSON = false
    /// Answers to the same conversation.
    var count = 1
    var isStreamed: Bool
    /// Which tools of servers the model may call by itself; nil for none.
    var toolOffer: AssistantToolOffer?
    /// Those of `tools` that are tools of servers, by their names there.
    var serverTools: [String: ServerTool] = [:]
    /// Where the messages follow those that are stored, and are stored.
    var session: ID<AssistantSession>?

    static let messagesMax = 2_000
    /// Images are within the body.
    static let bodyBytesMax = 8 << 20
    static let answerTokensMax: Int64 = 65_536
    static let stopSequencesMax = 4

    /// - Throws: `validation-failed` for what the schema does not express.
    func check() throws(Problem) {
        guard messages.contains(where: { $0.role != .system }) else {
            throw Problem.invalid("/messages", "has no message of the user")
        }
        guard !messages.contains(where: \.hasNUL) else {
            throw Problem.invalid("/messages", "must not contain a NUL character")
        }
        guard messages.reduce(0, { $0 + $1.imageCount }) <= MessageImage.countMax else {
            throw Problem.invalid("/messages", "has more than \(MessageImage.countMax) images")
        }
        guard session == nil || count == 1 else {
            throw Problem.invalid("/n", "must be 1 in a session")
        }
        guard session != nil || toolOffer == nil else {
            throw Problem.invalid("/mcp", "needs a session, which stores the calls: session_id")
        }
    }

    /// The messages that are new in a conversation. Clients send either these alone, or the whole conversation: where
    /// theirs begins with all of the stored messages, as they have got them, what follows is new. A system message that
    /// is stored is not new.
    func newMessages(after stored: [ModelMessage]) -> [ModelMessage] {
        let seen = stored.asClientsGetThem
        if messages.count > seen.count, messages.lazy.map(\.normalized).starts(with: seen.lazy.map(\.normalized)) {
            return Array(messages.dropFirst(seen.count))
        }
        return messages.filter { $0.role != .system || !stored.contains($0) }
    }
}

/// An answer that has ended, after it was stored.
struct TurnAnswer: Sendable {
    let turn: AssistantTurn
    let choices: [ModelResponse.Choice]
    let usage: ModelUsage
    let costMicros: Int64
    /// Calls that wait for consent.
    var approvals: [AssistantToolApproval] = []
}
