import Models
import Modules

/// A message of a conversation: its content is a text, or a list of parts that are texts.
struct ChatCompletionMessage: Payload {
    /// `system`, `developer`, `user` or `assistant`.
    var role: String
    var content: JSONValue?

    static let isOpen = true
    static let rules: [String: Rule] = ["role": .length(1...20)]
}

/// The body of `POST /v1/chat/completions`, as OpenAI's clients send it. Members that are not listed are ignored.
struct ChatCompletionRequest: Payload {
    struct StreamOptions: Payload {
        /// Whether the last chunk has the tokens.
        var includeUsage: Bool?

        static let isOpen = true
        static let schemaName = "ChatCompletionStreamOptions"
    }

    /// By default that of the session, or the first one of `GET /v1/models`.
    var model: String?
    var messages: [ChatCompletionMessage]
    /// Tokens of each answer.
    var maxTokens: Int64?
    /// The same, as newer clients name it.
    var maxCompletionTokens: Int64?
    var temperature: Double?
    var topP: Double?
    /// Answers to the same conversation; 1 in a session.
    var n: Int64?
    var stream: Bool?
    var streamOptions: StreamOptions?
    /// A text, or a list of texts, before which an answer ends.
    var stop: JSONValue?
    /// An instruction, beside the messages of the role `system`.
    var systemPrompt: String?
    /// The session that the messages belong to. Its stored messages precede them.
    var sessionId: ID<AssistantSession>?
    /// Tools are not available.
    var tools: [JSONValue]?

    static let isOpen = true
    static let rules: [String: Rule] = [
        "model": .length(1...200), "messages": .items(upTo: TurnRequest.messagesMax),
        "max_tokens": .range(1...TurnRequest.answerTokensMax),
        "max_completion_tokens": .range(1...TurnRequest.answerTokensMax), "temperature": .numbers(0...2),
        "top_p": .numbers(0...1), "n": .range(1...8), "tools": .items(upTo: 0),
    ]

    /// - Parameter answerTokens: where the client names no bound.
    /// - Throws: `validation-failed`.
    func turn(answerTokens: Int64) throws(Problem) -> TurnRequest {
        var turns: [ModelMessage] = []
        if let systemPrompt, !systemPrompt.isEmpty { turns.append(ModelMessage(.system, systemPrompt)) }
        for (index, message) in messages.enumerated() {
            let role: ModelMessage.Role
            switch message.role {
            case "system", "developer": role = .system
            case "user": role = .user
            case "assistant": role = .assistant
            default:
                throw Problem.invalid("/messages/\(index)/role", "must be system, developer, user or assistant")
            }
            turns.append(
                ModelMessage(role, try TextContent.text(of: message.content, at: "/messages/\(index)/content")))
        }
        return TurnRequest(
            model: model, messages: turns, answerTokens: maxCompletionTokens ?? maxTokens ?? answerTokens,
            temperature: temperature, topP: topP, stopSequences: try stopSequences(), count: Int(n ?? 1),
            isStreamed: stream ?? false, session: sessionId)
    }

    private func stopSequences() throws(Problem) -> [String] {
        let texts: [String?] =
            switch stop {
            case nil, .null?: []
            case .string(let text)?: [text]
            case .array(let elements)?: elements.map(\.string)
            default: [nil]
            }
        let found = texts.compactMap { $0 }
        guard found.count == texts.count, found.count <= TurnRequest.stopSequencesMax,
            found.allSatisfy({ (1...200).contains($0.unicodeScalars.count) })
        else {
            throw Problem.invalid(
                "/stop", "must be a text, or a list of at most \(TurnRequest.stopSequencesMax), of 1 to 200 characters")
        }
        return found
    }
}

/// The content of a message: a text, or a list of parts that are texts.
enum TextContent {
    /// - Parameter pointer: of the content in the body.
    /// - Throws: `validation-failed` for another kind of content.
    static func text(of content: JSONValue?, at pointer: String) throws(Problem) -> String {
        switch content {
        case nil, .null?: return ""
        case .string(let text)?: return text
        case .array(let parts)?:
            var text = ""
            for (index, part) in parts.enumerated() {
                guard part["type"]?.string == "text", let own = part["text"]?.string else {
                    throw Problem.invalid("\(pointer)/\(index)", "must be a part of the type text")
                }
                text += own
            }
            return text
        default: throw Problem.invalid(pointer, "must be a text, or a list of parts of the type text")
        }
    }
}

/// The tokens of an answer, in the words of OpenAI's API, with what they cost.
struct ChatCompletionUsage: Codable, Sendable {
    var promptTokens: Int64
    var completionTokens: Int64
    var totalTokens: Int64
    var inputTokens: Int64
    var outputTokens: Int64
    /// In US dollars.
    var totalCost: DecimalNumber

    init(_ answer: TurnAnswer) {
        promptTokens = answer.usage.input
        completionTokens = answer.usage.output
        totalTokens = answer.usage.input + answer.usage.output
        inputTokens = promptTokens
        outputTokens = completionTokens
        totalCost = .dollars(answer.costMicros)
    }
}

struct ChatCompletionAnswer: Codable, Sendable {
    var role: String
    var content: String
}

struct ChatCompletionChoice: Codable, Sendable {
    var index: Int
    var message: ChatCompletionAnswer
    var finishReason: String
}

/// The answer to a request that is not streamed.
struct ChatCompletion: Payload {
    var id: String
    var object: String
    /// In seconds since 1970.
    var created: Int64
    var model: String
    var choices: [ChatCompletionChoice]
    var usage: ChatCompletionUsage
    var sessionId: ID<AssistantSession>?

    init(_ answer: TurnAnswer) {
        id = Self.id(of: answer.turn)
        object = "chat.completion"
        created = answer.turn.startedAt.seconds
        model = answer.turn.model
        choices = answer.choices.enumerated().map { index, choice in
            ChatCompletionChoice(
                index: index, message: ChatCompletionAnswer(role: "assistant", content: choice.text),
                finishReason: Self.reason(choice.finish))
        }
        usage = ChatCompletionUsage(answer)
        sessionId = answer.turn.session
    }

    static func id(of turn: AssistantTurn) -> String { "chatcmpl-\(turn.id)" }

    static func reason(_ finish: ModelFinish) -> String {
        switch finish {
        case .ended, .stopSequence, .other: "stop"
        case .tokensMax: "length"
        case .toolCalls: "tool_calls"
        case .refused: "content_filter"
        }
    }
}
