import Base

/// The bodies of OpenAI's Chat Completions API.
enum OpenAIMessage {
    /// Without the bound of tokens.
    static func body(of request: ModelRequest, stream: Bool) -> [String: JSONValue] {
        var body: [String: JSONValue] = [
            "model": .string(request.model), "messages": .array(request.messages.flatMap(messages)),
            "stream": .bool(stream),
        ]
        if stream { body["stream_options"] = ["include_usage": true] }
        if request.count > 1 { body["n"] = .integer(Int64(request.count)) }
        if let temperature = request.temperature { body["temperature"] = .number(temperature) }
        if let topP = request.topP { body["top_p"] = .number(topP) }
        if !request.stopSequences.isEmpty { body["stop"] = .array(request.stopSequences.map { .string($0) }) }
        if !request.tools.isEmpty {
            body["tools"] = .array(
                request.tools.map { tool in
                    var function: [String: JSONValue] = [
                        "name": .string(tool.name), "parameters": tool.parameters,
                    ]
                    if !tool.description.isEmpty { function["description"] = .string(tool.description) }
                    if let isStrict = tool.isStrict { function["strict"] = .bool(isStrict) }
                    return ["type": "function", "function": .object(function)]
                })
            body["tool_choice"] = choice(request.toolChoice)
            if let parallel = request.parallelToolCalls { body["parallel_tool_calls"] = .bool(parallel) }
        }
        if let schema = request.schema {
            var format: [String: JSONValue] = ["name": .string(schema.name), "schema": schema.json]
            if let isStrict = schema.isStrict { format["strict"] = .bool(isStrict) }
            body["response_format"] = ["type": "json_schema", "json_schema": .object(format)]
        } else if request.wantsJSON {
            body["response_format"] = ["type": "json_object"]
        }
        if let seed = request.seed { body["seed"] = .integer(seed) }
        if let penalty = request.presencePenalty { body["presence_penalty"] = .number(penalty) }
        if let penalty = request.frequencyPenalty { body["frequency_penalty"] = .number(penalty) }
        return body
    }

    private static func choice(_ choice: ModelRequest.ToolChoice) -> JSONValue {
        switch choice {
        case .auto: "auto"
        case .none: "none"
        case .required: "required"
        case .tool(let name): ["type": "function", "function": ["name": .string(name)]]
        }
    }

    /// The results of tools are messages of their own.
    private static func messages(_ message: ModelMessage) -> [JSONValue] {
        let results = message.content.compactMap { content -> JSONValue? in
            guard case .toolResult(let id, let content, _) = content else { return nil }
            return ["role": "tool", "tool_call_id": .string(id), "content": .string(content.text)]
        }
        let calls = message.toolCalls
        let parts = message.content.compactMap(part)
        guard !parts.isEmpty || !calls.isEmpty else { return results }
        let hasImage = message.content.hasImage
        var own: [String: JSONValue] = [
            "role": .string(message.role.rawValue),
            "content": hasImage ? .array(parts) : parts.isEmpty ? .null : .string(message.text),
        ]
        if !calls.isEmpty {
            own["tool_calls"] = .array(
                calls.map { call in
                    let function: JSONValue = ["name": .string(call.name), "arguments": .string(call.arguments)]
                    return ["id": .string(call.id), "type": "function", "function": function]
                })
        }
        return results + [.object(own)]
    }

    private static func part(_ content: ModelMessage.Content) -> JSONValue? {
        switch content {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(.url(let url)): ["type": "image_url", "image_url": ["url": .string(url)]]
        case .image(.data(let mediaType, let base64)):
            ["type": "image_url", "image_url": ["url": .string("data:\(mediaType);base64,\(base64)")]]
        case .toolCall, .toolResult: nil
        }
    }

    // MARK: Responses

    /// - Parameter count: the choices that were asked for.
    static func response(_ body: JSONValue, count: Int) throws(ModelError) -> ModelResponse {
        guard let choices = body["choices"]?.array, choices.count == count else {
            throw .malformed("it has no choices, or not as many as were asked for")
        }
        var read: [ModelResponse.Choice] = []
        let id = body["id"]?.string ?? ""
        for choice in choices { read.append(try self.choice(choice, of: id)) }
        return ModelResponse(
            id: id, model: body["model"]?.string ?? "", choices: read,
            usage: usage(body["usage"]))
    }

    private static func choice(_ value: JSONValue, of response: String) throws(ModelError) -> ModelResponse.Choice {
        guard let message = value["message"], let reason = value["finish_reason"]?.string else {
            throw .malformed("a choice has no message or no end")
        }
        let refusal = message["refusal"]?.string
        var choice = ModelResponse.Choice(
            text: message["content"]?.string ?? refusal ?? "", finish: refusal == nil ? finish(reason) : .refused)
        for (index, call) in (message["tool_calls"]?.array ?? []).enumerated() {
            guard let name = call["function"]?["name"]?.string, let arguments = call["function"]?["arguments"]?.string
            else { throw .malformed("it has a call of a tool without its members") }
            choice.toolCalls.append(
                ModelToolCall(
                    id: callID(call, of: response, at: index), name: name,
                    arguments: arguments.isEmpty ? "{}" : arguments)
            )
        }
        return choice
    }

    /// The id of a call; some servers give none, and a result has to name its call.
    /// - Parameter response: the id of the response, which is unique at the service.
    static func callID(_ call: JSONValue, of response: String, at index: Int) -> String {
        if let id = call["id"]?.string, !id.isEmpty { id } else { "call_\(response)_\(index)" }
    }

    static func finish(_ reason: String) -> ModelFinish {
        switch reason {
        case "stop": .ended
        case "length": .tokensMax
        case "tool_calls", "function_call": .toolCalls
        case "content_filter": .refused
        default: .other(reason)
        }
    }

    static func usage(_ value: JSONValue?) -> ModelUsage? {
        ModelUsage(counted: value?["prompt_tokens"]?.integer, value?["completion_tokens"]?.integer)
    }
}
