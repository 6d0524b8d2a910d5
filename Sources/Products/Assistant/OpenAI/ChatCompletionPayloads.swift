import Models
import Modules

/// A message of a conversation: its content is a text, or a list of parts that are texts or images.
struct ChatCompletionMessage: Payload {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    var role: String
    var content: JSONValue?
    /// Of the assistant: the calls of functions that its answer has.
    var toolCalls: [JSONValue]?
    /// Of a tool: the call that the content is the result of.
    var toolCallId: String?

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
    /// Without effect where the model is behind Anthropic's API, as the penalties.
    var seed: Int64?
    var presencePenalty: Double?
    var frequencyPenalty: Double?
    /// Functions that the model may call. Each has a JSON Schema of its parameters.
    var tools: [JSONValue]?
    /// `none`, `auto`, `required`, or a function.
    var toolChoice: JSONValue?
    /// Whether an answer may have several calls.
    var parallelToolCalls: Bool?
    /// `text`, `json_object`, or `json_schema` with a schema.
    var responseFormat: JSONValue?
    /// An instruction, beside the messages of the role `system`.
    var systemPrompt: String?
    /// The session that the messages belong to. Its stored messages precede them.
    var sessionId: ID<AssistantSession>?
    /// Tools of the organisation's servers that the model calls by itself; in a session.
    var mcp: AssistantToolOffer?
    /// Refused, as `function_call`: `tools` has the same.
    var functions: JSONValue?
    var functionCall: JSONValue?
    /// Refused unless `false`, as `top_logprobs` unless 0 and `logit_bias` unless empty.
    var logprobs: JSONValue?
    var topLogprobs: JSONValue?
    var logitBias: JSONValue?
    /// Refused unless text alone, as `audio`.
    var modalities: JSONValue?
    var audio: JSONValue?

    static let isOpen = true
    static let bodyBytesMax = TurnRequest.bodyBytesMax
    static let rules: [String: Rule] = [
        "model": .length(1...200), "messages": .items(upTo: TurnRequest.messagesMax),
        "max_tokens": .range(1...TurnRequest.answerTokensMax),
        "max_completion_tokens": .range(1...TurnRequest.answerTokensMax), "temperature": .numbers(0...2),
        "top_p": .numbers(0...1), "n": .range(1...8), "presence_penalty": .numbers(-2...2),
        "frequency_penalty": .numbers(-2...2), "tools": .items(upTo: ClientTool.countMax),
    ]

    /// - Parameter answerTokens: where the client names no bound.
    /// - Throws: `validation-failed`.
    func turn(answerTokens: Int64) throws(Problem) -> TurnRequest {
        try requireSupported()
        var turns: [ModelMessage] = []
        if let systemPrompt, !systemPrompt.isEmpty { turns.append(ModelMessage(.system, systemPrompt)) }
        for (index, message) in messages.enumerated() {
            turns.append(try ChatCompletionContent.message(message, "/messages/\(index)"))
        }
        let functions = try ChatCompletionContent.tools(tools ?? [])
        let format = try ChatCompletionContent.format(responseFormat)
        return TurnRequest(
            model: model, messages: turns, answerTokens: maxCompletionTokens ?? maxTokens ?? answerTokens,
            temperature: temperature, topP: topP, seed: seed, presencePenalty: presencePenalty,
            frequencyPenalty: frequencyPenalty, stopSequences: try stopSequences(), tools: functions,
            toolChoice: try ChatCompletionContent.choice(toolChoice, of: functions, hasOthers: mcp != nil),
            parallelToolCalls: parallelToolCalls, schema: format.schema, wantsJSON: format.wantsJSON,
            count: Int(n ?? 1), isStreamed: stream ?? false, toolOffer: mcp, session: sessionId)
    }

    /// - Throws: `validation-failed` for members that would change the answer, and are not passed on.
    private func requireSupported() throws(Problem) {
        let members: [(name: String, value: JSONValue?, allowed: [JSONValue])] = [
            ("functions", functions, [[]]), ("function_call", functionCall, ["none"]), ("logprobs", logprobs, [false]),
            ("top_logprobs", topLogprobs, [0]), ("logit_bias", logitBias, [[:]]),
            ("modalities", modalities, [["text"]]),
            ("audio", audio, []),
        ]
        for member in members {
            guard let value = member.value, value != .null, !member.allowed.contains(value) else { continue }
            throw Problem.invalid("/\(member.name)", "is not supported")
        }
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

/// A call of a function, whose arguments are the model's text: they need not be JSON.
struct ChatCompletionToolCall: Codable, Sendable {
    struct Function: Codable, Sendable {
        var name: String
        var arguments: String
    }

    var id: String
    var type: String
    var function: ChatCompletionToolCall.Function

    init(_ call: ModelToolCall) {
        id = call.id
        type = "function"
        function = Function(name: call.name, arguments: call.arguments)
    }
}

struct ChatCompletionAnswer: Codable, Sendable {
    var role: String
    /// A text; null where the answer has nothing but calls.
    var content: JSONValue
    var toolCalls: [ChatCompletionToolCall]?

    init(_ choice: ModelResponse.Choice) {
        role = "assistant"
        content = choice.text.isEmpty && !choice.toolCalls.isEmpty ? .null : .string(choice.text)
        toolCalls = choice.toolCalls.isEmpty ? nil : choice.toolCalls.map { ChatCompletionToolCall($0) }
    }
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
    /// Calls of servers' tools that wait for a person's consent.
    var toolApprovals: [AssistantToolApproval]?

    init(_ answer: TurnAnswer) {
        id = Self.id(of: answer.turn)
        object = "chat.completion"
        created = answer.turn.startedAt.seconds
        model = answer.turn.model
        choices = answer.choices.enumerated().map { index, choice in
            ChatCompletionChoice(
                index: index, message: ChatCompletionAnswer(choice), finishReason: Self.reason(choice.finish))
        }
        usage = ChatCompletionUsage(answer)
        sessionId = answer.turn.session
        toolApprovals = answer.approvals.isEmpty ? nil : answer.approvals
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
