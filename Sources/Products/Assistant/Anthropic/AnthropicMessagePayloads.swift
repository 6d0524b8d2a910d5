import Models
import Modules

/// A message of a conversation: its content is a text, or a list of blocks.
struct AnthropicInputMessage: Payload {
    /// `user` or `assistant`.
    var role: String
    var content: JSONValue

    static let isOpen = true
    static let rules: [String: Rule] = ["role": .length(1...20)]
}

/// The body of `POST /v1/messages`, as Anthropic's clients send it. Members that are not listed are ignored.
struct AnthropicMessageRequest: Payload {
    var model: String
    var messages: [AnthropicInputMessage]
    /// Tokens of the answer.
    var maxTokens: Int64
    /// A text, or a list of blocks that are texts.
    var system: JSONValue?
    var temperature: Double?
    var topP: Double?
    /// Without effect where the model is behind OpenAI's API.
    var topK: Int64?
    var stopSequences: [String]?
    var stream: Bool?
    /// The session that the messages belong to. Its stored messages precede them.
    var sessionId: ID<AssistantSession>?
    /// Tools of the client, each with a JSON Schema of its input.
    var tools: [JSONValue]?
    /// `none`, `auto`, `any`, or a tool.
    var toolChoice: JSONValue?
    /// Tools of the organisation's servers that the model calls by itself; in a session.
    var mcp: AssistantToolOffer?
    /// Its member `format` is the schema that the answer is to have.
    var outputConfig: JSONValue?

    static let isOpen = true
    static let bodyBytesMax = TurnRequest.bodyBytesMax
    static let rules: [String: Rule] = [
        "model": .length(1...200), "messages": .items(upTo: TurnRequest.messagesMax),
        "max_tokens": .range(1...TurnRequest.answerTokensMax), "temperature": .numbers(0...1),
        "top_p": .numbers(0...1), "top_k": .range(0...1_000_000),
        "stop_sequences": .items(upTo: TurnRequest.stopSequencesMax), "tools": .items(upTo: ClientTool.countMax),
    ]

    /// - Throws: `validation-failed`.
    func turn() throws(Problem) -> TurnRequest {
        var turns: [ModelMessage] = []
        let instruction = try AnthropicContent.text(of: system, "/system")
        if !instruction.isEmpty { turns.append(ModelMessage(.system, instruction)) }
        for (index, message) in messages.enumerated() {
            turns.append(try AnthropicContent.message(message, "/messages/\(index)"))
        }
        let stops = stopSequences ?? []
        guard stops.allSatisfy({ (1...200).contains($0.unicodeScalars.count) }) else {
            throw Problem.invalid("/stop_sequences", "must be texts of 1 to 200 characters")
        }
        let own = try AnthropicContent.tools(tools ?? [])
        let choice = try AnthropicContent.choice(toolChoice, of: own, hasOthers: mcp != nil)
        return TurnRequest(
            model: model, messages: turns, answerTokens: maxTokens, temperature: temperature, topP: topP, topK: topK,
            stopSequences: stops, tools: own, toolChoice: choice.choice, parallelToolCalls: choice.parallel,
            schema: try AnthropicContent.schema(outputConfig?["format"]), isStreamed: stream ?? false,
            toolOffer: mcp, session: sessionId)
    }
}

/// A block of an answer: a text, or a call of a tool.
struct AnthropicAnswerBlock: Codable, Sendable {
    /// `text` or `tool_use`.
    var type: String
    var text: String?
    var id: String?
    var name: String?
    /// An object; empty where the model's arguments are no JSON object.
    var input: JSONValue?

    init(_ text: String) {
        type = "text"
        self.text = text
    }

    init(_ call: ModelToolCall) {
        type = "tool_use"
        id = call.id
        name = call.name
        input = call.object ?? [:]
    }
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
    var content: [AnthropicAnswerBlock]
    var stopReason: String
    var stopSequence: String?
    var usage: AnthropicTokenUsage
    var sessionId: ID<AssistantSession>?
    /// Calls of servers' tools that wait for a person's consent.
    var toolApprovals: [AssistantToolApproval]?

    init(_ answer: TurnAnswer) {
        let choice = answer.choices.first
        id = Self.id(of: answer.turn)
        type = "message"
        role = "assistant"
        model = answer.turn.model
        let calls = choice?.toolCalls ?? []
        let text = choice?.text ?? ""
        content =
            (text.isEmpty && !calls.isEmpty ? [] : [AnthropicAnswerBlock(text)])
            + calls.map { AnthropicAnswerBlock($0) }
        (stopReason, stopSequence) = Self.reason(choice?.finish ?? .ended)
        usage = AnthropicTokenUsage(inputTokens: answer.usage.input, outputTokens: answer.usage.output)
        sessionId = answer.turn.session
        toolApprovals = answer.approvals.isEmpty ? nil : answer.approvals
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
