import Models
import Modules

/// Reads messages and tools in the form of Anthropic's API.
enum AnthropicContent {
    /// - Parameter pointer: of the message in the body.
    /// - Throws: `validation-failed`.
    static func message(_ message: AnthropicInputMessage, _ pointer: String) throws(Problem) -> ModelMessage {
        guard let role = ModelMessage.Role(rawValue: message.role), role != .system else {
            throw Problem.invalid("\(pointer)/role", "must be user or assistant")
        }
        switch message.content {
        case .string(let text): return ModelMessage(role, text)
        case .array(let blocks):
            var content: [ModelMessage.Content] = []
            for (index, block) in blocks.enumerated() {
                content.append(try self.content(of: block, role, "\(pointer)/content/\(index)"))
            }
            return ModelMessage(role, content)
        default: throw Problem.invalid("\(pointer)/content", "must be a text, or a list of blocks")
        }
    }

    /// A text, or a list of blocks that are texts.
    /// - Throws: `validation-failed`.
    static func text(of content: JSONValue?, _ pointer: String) throws(Problem) -> String {
        switch content {
        case nil, .null?: return ""
        case .string(let text)?: return text
        case .array(let blocks)?:
            var text = ""
            for (index, block) in blocks.enumerated() {
                guard block["type"] == "text", let own = block["text"]?.string else {
                    throw Problem.invalid("\(pointer)/\(index)", "must be a block of the type text")
                }
                text += own
            }
            return text
        default: throw Problem.invalid(pointer, "must be a text, or a list of blocks of the type text")
        }
    }

    private static func content(of block: JSONValue, _ role: ModelMessage.Role, _ pointer: String) throws(Problem)
        -> ModelMessage.Content
    {
        switch (block["type"]?.string, role) {
        case ("text", _):
            guard let text = block["text"]?.string else { break }
            return .text(text)
        case ("image", .user): return .image(try image(block["source"], "\(pointer)/source"))
        case ("tool_use", .assistant):
            guard let input = block["input"], input.object != nil else {
                throw Problem.invalid("\(pointer)/input", "must be an object")
            }
            var arguments: [UInt8] = []
            arguments.append(json: input)
            return .toolCall(
                ModelToolCall(
                    id: try ClientTool.id(block["id"], "\(pointer)/id"),
                    name: try ClientTool.name(block["name"], "\(pointer)/name"),
                    arguments: String(decoding: arguments, as: UTF8.self)))
        case ("tool_result", .user):
            return .toolResult(
                callID: try ClientTool.id(block["tool_use_id"], "\(pointer)/tool_use_id"),
                content: try result(block["content"], "\(pointer)/content"), isError: block["is_error"] == true)
        default: break
        }
        throw Problem.invalid(
            pointer, "must be a block of the type text, of the user image or tool_result, of the assistant tool_use")
    }

    /// A text, or a list of blocks that are texts or images.
    private static func result(_ content: JSONValue?, _ pointer: String) throws(Problem) -> [ModelMessage.Content] {
        guard let blocks = content?.array else { return [.text(try text(of: content, pointer))] }
        var parts: [ModelMessage.Content] = []
        for (index, block) in blocks.enumerated() {
            switch (block["type"]?.string, block["text"]?.string) {
            case ("text", let text?): parts.append(.text(text))
            case ("image", _):
                parts.append(.image(try image(block["source"], "\(pointer)/\(index)/source")))
            default: throw Problem.invalid("\(pointer)/\(index)", "must be a block of the type text or image")
            }
        }
        return parts
    }

    private static func image(_ source: JSONValue?, _ pointer: String) throws(Problem) -> ModelMessage.Image {
        switch source?["type"]?.string {
        case "base64":
            guard let data = source?["data"]?.string, let mediaType = source?["media_type"]?.string else { break }
            return try MessageImage.image(mediaType, base64: data, "\(pointer)/data")
        case "url":
            guard let url = source?["url"]?.string, !url.hasPrefix("data:") else { break }
            return try MessageImage.image(at: url, "\(pointer)/url")
        default: break
        }
        throw Problem.invalid(pointer, "must be base64 with a media type, or a url")
    }

    // MARK: Tools

    /// - Throws: `validation-failed` for a tool of the service, and for one without a schema.
    static func tools(_ values: [JSONValue]) throws(Problem) -> [ModelTool] {
        var tools: [ModelTool] = []
        for (index, value) in values.enumerated() {
            let pointer = "/tools/\(index)"
            guard [nil, JSONValue.null, "custom"].contains(value["type"]) else {
                throw Problem.invalid("\(pointer)/type", "must be custom: tools of the service are not available")
            }
            tools.append(try ClientTool.tool(value, schemaName: "input_schema", pointer))
        }
        try ClientTool.requireDifferentNames(tools)
        return tools
    }

    /// - Parameter hasOthers: whether there may be tools of servers besides.
    /// - Returns: the choice, and whether an answer may have several calls.
    /// - Throws: `validation-failed`, also for a choice without tools.
    static func choice(_ value: JSONValue?, of tools: [ModelTool], hasOthers: Bool) throws(Problem) -> (
        choice: ModelRequest.ToolChoice, parallel: Bool?
    ) {
        let hasTools = hasOthers || !tools.isEmpty
        guard let value, value != .null else { return (.auto, nil) }
        let parallel = value["disable_parallel_tool_use"]?.bool.map { !$0 }
        switch value["type"]?.string {
        case "none": return (.none, nil)
        case "auto" where hasTools: return (.auto, parallel)
        case "any" where hasTools: return (.required, parallel)
        case "tool": return (try ClientTool.choice(value["name"], of: tools, "/tool_choice/name"), parallel)
        default: throw Problem.invalid("/tool_choice/type", "must be none, or with tools auto, any or tool")
        }
    }

    // MARK: The form of the answer

    /// - Throws: `validation-failed`.
    static func schema(_ format: JSONValue?) throws(Problem) -> ModelSchema? {
        guard let format, format != .null else { return nil }
        guard format["type"] == "json_schema", let schema = format["schema"], schema.object != nil else {
            throw Problem.invalid("/output_config/format", "must be json_schema with a schema")
        }
        return ModelSchema(name: "answer", asWritten: schema, isStrict: nil)
    }
}
