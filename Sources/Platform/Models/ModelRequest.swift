package import Base

/// A conversation that a model is to continue.
package struct ModelRequest: Sendable {
    package enum ToolChoice: Sendable, Hashable {
        /// The model decides.
        case auto
        case none
        /// Any of the tools.
        case required
        case tool(String)
    }

    /// The name of the model at the service.
    package var model: String
    package var messages: [ModelMessage]
    /// Of the answer.
    package var tokensMax: Int
    /// Nil for the model's own. Anthropic's scale ends at 1, where a higher one is set to 1.
    package var temperature: Double?
    package var topP: Double?
    package var stopSequences: [String]
    package var tools: [ModelTool]
    package var toolChoice: ToolChoice
    /// Whether an answer may call several tools. Nil for the service's own rule.
    package var parallelToolCalls: Bool?
    /// What the text of the answer is to be: JSON of this schema. A service may deviate from it.
    package var schema: ModelSchema?
    /// Whether the text of the answer is to be a JSON object, of any schema.
    package var wantsJSON: Bool
    /// The same request with the same seed gets the same answer, as far as the service can. Anthropic's API has none.
    package var seed: Int64?
    /// -2 to 2. Anthropic's API has none.
    package var presencePenalty: Double?
    /// -2 to 2. Anthropic's API has none.
    package var frequencyPenalty: Double?
    /// OpenAI's API has none.
    package var topK: Int64?
    /// Answers to the same conversation, 1 to 8. Anthropic's API has one; the client sends as many requests.
    package var count: Int
    /// Of everything, with all attempts and the waits between them.
    package var timeout: Duration

    package init(
        model: String,
        messages: [ModelMessage],
        tokensMax: Int,
        temperature: Double? = nil,
        topP: Double? = nil,
        stopSequences: [String] = [],
        tools: [ModelTool] = [],
        toolChoice: ToolChoice = .auto,
        parallelToolCalls: Bool? = nil,
        schema: ModelSchema? = nil,
        wantsJSON: Bool = false,
        seed: Int64? = nil,
        presencePenalty: Double? = nil,
        frequencyPenalty: Double? = nil,
        topK: Int64? = nil,
        count: Int = 1,
        timeout: Duration = .minutes(5)
    ) {
        precondition((1...8).contains(count), "1 to 8 answers")
        self.model = model
        self.messages = messages
        self.tokensMax = tokensMax
        self.temperature = temperature
        self.topP = topP
        self.stopSequences = stopSequences
        self.tools = tools
        self.toolChoice = toolChoice
        self.parallelToolCalls = parallelToolCalls
        self.schema = schema
        self.wantsJSON = wantsJSON
        self.seed = seed
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.topK = topK
        self.count = count
        self.timeout = timeout
    }
}

/// A function that the model may ask its caller to run.
package struct ModelTool: Sendable, Hashable {
    package let name: String
    /// Empty without one.
    package let description: String
    /// A JSON Schema of an object.
    package let parameters: JSONValue
    /// Whether the service has to keep to the schema. Nil for its own rule.
    package let isStrict: Bool?

    package init(name: String, description: String, parameters: JSONValue, isStrict: Bool? = nil) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.isStrict = isStrict
    }
}
