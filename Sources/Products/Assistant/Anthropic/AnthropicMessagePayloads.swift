import Models
import Modules

/// The body of `POST /v1/messages`, as Anthropic's clients send it. Members that are not listed are ignored.
struct AnthropicMessageRequest: Payload {
    var model: String
    var messages: [ChatCompletionMessage]
    /// Tokens of the answer.
    var maxTokens: Int64
    /// A text, or a list of blocks that are texts.
    var system: JSONValue?
    var temperature: Double?
    var topP: Double?
    var stopSequences: [String]?
    var stream: Bool?
    /// The session that the messages belong to. Its stored messages precede them.
    var sessionId: ID<AssistantSession>?
    /// Tools are not available.
    var tools: [JSONValue]?

    static let isOpen = true
    static let rules: [String: Rule] = [
        "model": .length(1...200), "messages": .items(upTo: TurnRequest.messagesMax),
        "max_tokens": .range(1...TurnRequest.answerTokensMax), "temperature": .numbers(0...1),
        "top_p": .numbers(0...1), "stop_sequences": .items(upTo: TurnRequest.stopSequencesMax),
        "tools": .items(upTo: 0),
    ]

    /// - Throws: `validation-failed`.
    func turn() throws(Problem) -> TurnRequest {
        var turns: [ModelMessage] = []
        let instruction = try TextContent.text(of: system, at: "/system")
        if !instruction.isEmpty { turns.append(ModelMessage(.system, instruction)) }
        for (index, message) in messages.enumerated() {
            guard let role = ModelMessage.Role(rawValue: message.role), role != .system else {
                throw Problem.invalid("/messages/\(index)/role", "must be user or assistant")
            }
            turns.append(
                ModelMessage(role, try TextContent.text(of: message.content, at: "/messages/\(index)/content")))
        }
        let stops = stopSequences ?? []
        guard stops.allSatisfy({ (1...200).contains($0.unicodeScalars.count) }) else {
            throw Problem.invalid("/stop_sequences", "must be texts of 1 to 200 characters")
        }
        return TurnRequest(
            model: model, messages: turns, answerTokens: maxTokens, temperature: temperature, topP: topP,
            stopSequences: stops, isStreamed: stream ?? false, session: sessionId)
    }
}

struct AnthropicTextBlock: Codable, Sendable {
    var type: String
    var text: String
}

struct AnthropicTokenUsage: Codable, Sendable {
    var inputTokens: Int64
    var outputTokens: Int64
}

/// The answer to a request that is not streamed, in the form of Anthropic's API.
struct AnthropicMessageAnswer: Payload {
    var id: String
    var type: String
    var role: String
    var model: String
    var content: [AnthropicTextBlock]
    var stopReason: String
    var stopSequence: String?
    var usage: AnthropicTokenUsage
    var sessionId: ID<AssistantSession>?

    init(_ answer: TurnAnswer) {
        let choice = answer.choices.first
        id = Self.id(of: answer.turn)
        type = "message"
        role = "assistant"
        model = answer.turn.model
        content = [AnthropicTextBlock(type: "text", text: choice?.text ?? "")]
        (stopReason, stopSequence) = Self.reason(choice?.finish ?? .ended)
        usage = AnthropicTokenUsage(inputTokens: answer.usage.input, outputTokens: answer.usage.output)
        sessionId = answer.turn.session
    }

    static func id(of turn: AssistantTurn) -> String { "msg_\(turn.id)" }

    static func reason(_ finish: ModelFinish) -> (reason: String, stopSequence: String?) {
        switch finish {
        case .ended, .other: ("end_turn", nil)
        case .stopSequence(let text): ("stop_sequence", text)
        case .tokensMax: ("max_tokens", nil)
        case .toolCalls: ("tool_use", nil)
        case .refused: ("refusal", nil)
        }
    }
}
