/// The answer of a model.
package struct ModelResponse: Sendable, Hashable {
    package struct Choice: Sendable, Hashable {
        package var text = ""
        package var toolCalls: [ModelToolCall] = []
        package var finish: ModelFinish

        package init(text: String = "", toolCalls: [ModelToolCall] = [], finish: ModelFinish) {
            self.text = text
            self.toolCalls = toolCalls
            self.finish = finish
        }

        /// The message that continues the conversation.
        package var message: ModelMessage {
            ModelMessage(.assistant, (text.isEmpty ? [] : [.text(text)]) + toolCalls.map { .toolCall($0) })
        }
    }

    /// Of the service; of the first request where several were sent.
    package let id: String
    package let model: String
    /// As many as were asked for.
    package let choices: [Choice]
    /// Nil where the service does not tell.
    package let usage: ModelUsage?

    package init(id: String, model: String, choices: [Choice], usage: ModelUsage?) {
        self.id = id
        self.model = model
        self.choices = choices
        self.usage = usage
    }
}

/// Why an answer ended.
package enum ModelFinish: Sendable, Hashable {
    /// The model was done. OpenAI's API does not tell a stop sequence from it.
    case ended
    case stopSequence(String)
    /// At `tokensMax`, or at the end of the model's context.
    case tokensMax
    case toolCalls
    /// The model or a filter of the service refused to answer.
    case refused
    case other(String)
}

/// Tokens, which services charge for.
package struct ModelUsage: Sendable, Hashable {
    /// With those that the service had cached.
    package var input: Int64
    package var output: Int64

    package init(input: Int64, output: Int64) {
        self.input = input
        self.output = output
    }

    /// The counts of a service.
    /// - Returns: nil where it does not tell them, and for numbers that cannot be counts.
    init?(counted input: Int64?, _ output: Int64?) {
        guard let input, let output, Self.counts.contains(input), Self.counts.contains(output) else { return nil }
        self.init(input: input, output: output)
    }

    /// What a count of tokens may be: sums and costs of such counts do not overflow.
    static let counts: ClosedRange<Int64> = 0...1_000_000_000

    package static func + (left: ModelUsage, right: ModelUsage) -> ModelUsage {
        ModelUsage(input: left.input + right.input, output: left.output + right.output)
    }
}

/// A part of an answer that arrives in parts.
package struct ModelEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case text(String)
        /// A call begins; `index` counts the calls of the choice.
        case toolCall(index: Int, id: String, name: String)
        /// A part of the arguments of a call.
        case toolArguments(index: Int, String)
        case finished(ModelFinish)
    }

    package let choice: Int
    package let kind: Kind

    package init(choice: Int, _ kind: Kind) {
        self.choice = choice
        self.kind = kind
    }
}
