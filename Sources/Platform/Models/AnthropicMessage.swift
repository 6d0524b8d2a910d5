import Base

/// The bodies of Anthropic's Messages API.
enum AnthropicMessage {
    static func body(of request: ModelRequest, stream: Bool) -> JSONValue {
        var body: [String: JSONValue] = [
            "model": .string(request.model), "max_tokens": .integer(Int64(request.tokensMax)),
            "messages": .array(merged(request.messages.filter { $0.role != .system }).compactMap(message)),
            "stream": .bool(stream),
        ]
        var instructions = request.messages.filter { $0.role == .system }.map(\.text)
        // The API has no such format.
        if request.wantsJSON, request.schema == nil { instructions.append(jsonInstruction) }
        let system = instructions.joined(separator: "\n\n")
        if !system.isEmpty { body["system"] = .string(system) }
        if let temperature = request.temperature { body["temperature"] = .number(min(temperature, 1)) }
        if let topP = request.topP { body["top_p"] = .number(topP) }
        if let topK = request.topK { body["top_k"] = .integer(topK) }
        if !request.stopSequences.isEmpty { body["stop_sequences"] = .array(request.stopSequences.map { .string($0) }) }
        if !request.tools.isEmpty {
            body["tools"] = .array(
                request.tools.map { tool in
                    var members: [String: JSONValue] = ["name": .string(tool.name), "input_schema": tool.parameters]
                    if !tool.description.isEmpty { members["description"] = .string(tool.description) }
                    if let isStrict = tool.isStrict { members["strict"] = .bool(isStrict) }
                    return .object(members)
                })
            var choice = choice(request.toolChoice)
            if let parallel = request.parallelToolCalls, request.toolChoice != .none {
                choice["disable_parallel_tool_use"] = .bool(!parallel)
            }
            body["tool_choice"] = .object(choice)
        }
        if let schema = request.schema {
            body["output_config"] = ["format": ["type": "json_schema", "schema": supported(schema.json)]]
        }
        return .object(body)
    }

    private static let jsonInstruction = "Answer with one JSON object, and nothing else."

    /// One message for neighbours of one role: all results of tools have to follow their calls in one message.
    private static func merged(_ messages: [ModelMessage]) -> [ModelMessage] {
        messages.reduce(into: []) { merged, message in
            if let last = merged.last, last.role == message.role {
                merged[merged.count - 1] = ModelMessage(last.role, last.content + message.content)
            } else {
                merged.append(message)
            }
        }
    }

    private static func choice(_ choice: ModelRequest.ToolChoice) -> [String: JSONValue] {
        switch choice {
        case .auto: ["type": "auto"]
        case .none: ["type": "none"]
        case .required: ["type": "any"]
        case .tool(let name): ["type": "tool", "name": .string(name)]
        }
    }

    /// Nil for a message without content, which the API does not accept.
    private static func message(_ message: ModelMessage) -> JSONValue? {
        let blocks = message.content.compactMap(block)
        guard !blocks.isEmpty else { return nil }
        return ["role": .string(message.role.rawValue), "content": .array(blocks)]
    }

    private static func block(_ content: ModelMessage.Content) -> JSONValue? {
        switch content {
        case .text(let text): text.isEmpty ? nil : ["type": "text", "text": .string(text)]
        case .image(.data(let mediaType, let base64)):
            [
                "type": "image",
                "source": ["type": "base64", "media_type": .string(mediaType), "data": .string(base64)],
            ]
        case .image(.url(let url)): ["type": "image", "source": ["type": "url", "url": .string(url)]]
        case .toolCall(let call):
            [
                "type": "tool_use", "id": .string(call.id), "name": .string(call.name),
                "input": call.object ?? .object([:]),
            ]
        case .toolResult(let id, let content, let isError):
            [
                "type": "tool_result", "tool_use_id": .string(id),
                "content": content.hasImage ? .array(content.compactMap(block)) : .string(content.text),
                "is_error": .bool(isError),
            ]
        }
    }

    /// The schema without bounds, which the API refuses in a schema of outputs.
    private static func supported(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .object(let members):
            var kept: [String: JSONValue] = [:]
            for (name, value) in members where !unsupported.contains(name) || value.object != nil {
                kept[name] = supported(value)
            }
            if kept["properties"] != nil, kept["type"] == "object" { kept["additionalProperties"] = false }
            return .object(kept)
        case .array(let elements): return .array(elements.map(supported))
        default: return schema
        }
    }

    private static let unsupported: Set<String> = [
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
        "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    ]

    // MARK: Responses

    static func response(_ body: JSONValue) throws(ModelError) -> ModelResponse {
        guard let blocks = body["content"]?.array, let reason = body["stop_reason"]?.string else {
            throw .malformed("it is no message")
        }
        var choice = ModelResponse.Choice(finish: finish(reason, stopSequence: body["stop_sequence"]?.string))
        for block in blocks {
            switch block["type"]?.string {
            case "text": choice.text += block["text"]?.string ?? ""
            case "tool_use":
                guard let id = block["id"]?.string, let name = block["name"]?.string, let input = block["input"] else {
                    throw .malformed("it has a call of a tool without its members")
                }
                choice.toolCalls.append(ModelToolCall(id: id, name: name, arguments: input.text))
            // Of the model's thinking, and of tools of the service.
            default: break
            }
        }
        return ModelResponse(
            id: body["id"]?.string ?? "", model: body["model"]?.string ?? "", choices: [choice],
            usage: usage(body["usage"]))
    }

    static func finish(_ reason: String, stopSequence: String?) -> ModelFinish {
        switch reason {
        case "end_turn": .ended
        case "stop_sequence": .stopSequence(stopSequence ?? "")
        case "max_tokens", "model_context_window_exceeded": .tokensMax
        case "tool_use": .toolCalls
        case "refusal": .refused
        default: .other(reason)
        }
    }

    static func usage(_ value: JSONValue?) -> ModelUsage? {
        guard let value,
            var usage = ModelUsage(counted: value["input_tokens"]?.integer, value["output_tokens"]?.integer)
        else { return nil }
        for name in ["cache_creation_input_tokens", "cache_read_input_tokens"] {
            if let cached = value[name]?.integer, ModelUsage.counts.contains(cached) { usage.input += cached }
        }
        return usage
    }
}
