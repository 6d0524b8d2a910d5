import Models
import Modules

/// Reads messages and tools in the form of OpenAI's API.
enum ChatCompletionContent {
    /// - Parameter pointer: of the message in the body.
    /// - Throws: `validation-failed`.
    static func message(_ message: ChatCompletionMessage, _ pointer: String) throws(Problem) -> ModelMessage {
        let contentPointer = "\(pointer)/content"
        switch message.role {
        case "system", "developer": return ModelMessage(.system, try text(of: message.content, contentPointer))
        case "user": return ModelMessage(.user, try parts(of: message.content, contentPointer))
        case "assistant":
            let text = try text(of: message.content, contentPointer)
            let calls = try calls(message.toolCalls ?? [], "\(pointer)/tool_calls")
            return ModelMessage(.assistant, (text.isEmpty && !calls.isEmpty ? [] : [.text(text)]) + calls)
        case "tool":
            let id = try ClientTool.id(message.toolCallId.map { .string($0) }, "\(pointer)/tool_call_id")
            let content = try parts(of: message.content, contentPointer)
            return ModelMessage(.user, [.toolResult(callID: id, content: content, isError: false)])
        default:
            throw Problem.invalid("\(pointer)/role", "must be system, developer, user, assistant or tool")
        }
    }

    /// A text, or a list of parts that are texts.
    private static func text(of content: JSONValue?, _ pointer: String) throws(Problem) -> String {
        var text = ""
        for (index, part) in try parts(of: content, pointer).enumerated() {
            guard case .text(let own) = part else {
                throw Problem.invalid("\(pointer)/\(index)", "must be a part of the type text")
            }
            text += own
        }
        return text
    }

    private static func parts(of content: JSONValue?, _ pointer: String) throws(Problem) -> [ModelMessage.Content] {
        switch content {
        case nil, .null?: return [.text("")]
        case .string(let text)?: return [.text(text)]
        case .array(let values)?:
            var parts: [ModelMessage.Content] = []
            for (index, value) in values.enumerated() { parts.append(try part(value, "\(pointer)/\(index)")) }
            return parts
        default: throw Problem.invalid(pointer, "must be a text, or a list of parts")
        }
    }

    private static func part(_ value: JSONValue, _ pointer: String) throws(Problem) -> ModelMessage.Content {
        switch value["type"]?.string {
        case "text":
            guard let text = value["text"]?.string else { break }
            return .text(text)
        // What a model has refused with.
        case "refusal":
            guard let text = value["refusal"]?.string else { break }
            return .text(text)
        case "image_url":
            guard let url = value["image_url"]?["url"]?.string else { break }
            return .image(try MessageImage.image(at: url, "\(pointer)/image_url/url"))
        default: break
        }
        throw Problem.invalid(pointer, "must be a part of the type text, or of a user or a tool image_url")
    }

    private static func calls(_ values: [JSONValue], _ pointer: String) throws(Problem) -> [ModelMessage.Content] {
        guard values.count <= ClientTool.countMax else {
            throw Problem.invalid(pointer, "has more than \(ClientTool.countMax) calls")
        }
        var calls: [ModelMessage.Content] = []
        for (index, value) in values.enumerated() {
            let pointer = "\(pointer)/\(index)"
            guard value["type"] == "function", let arguments = value["function"]?["arguments"]?.string else {
                throw Problem.invalid(pointer, "must be a call of a function with its arguments as a text")
            }
            calls.append(
                .toolCall(
                    ModelToolCall(
                        id: try ClientTool.id(value["id"], "\(pointer)/id"),
                        name: try ClientTool.name(value["function"]?["name"], "\(pointer)/function/name"),
                        arguments: arguments)))
        }
        return calls
    }

    // MARK: Tools

    /// - Throws: `validation-failed` for what is no function with a schema.
    static func tools(_ values: [JSONValue]) throws(Problem) -> [ModelTool] {
        var tools: [ModelTool] = []
        for (index, value) in values.enumerated() {
            let pointer = "/tools/\(index)"
            guard value["type"] == "function" else {
                throw Problem.invalid("\(pointer)/type", "must be function")
            }
            tools.append(
                try ClientTool.tool(value["function"], schemaName: "parameters", "\(pointer)/function"))
        }
        try ClientTool.requireDifferentNames(tools)
        return tools
    }

    /// - Parameter hasOthers: whether there may be tools of servers besides.
    /// - Throws: `validation-failed`, also for a choice without tools.
    static func choice(_ value: JSONValue?, of tools: [ModelTool], hasOthers: Bool) throws(Problem)
        -> ModelRequest.ToolChoice
    {
        let hasTools = hasOthers || !tools.isEmpty
        switch value {
        case nil, .null?: return .auto
        case "none"?: return .none
        case "auto"? where hasTools: return .auto
        case "required"? where hasTools: return .required
        case .object(let choice)? where choice["type"] == "function":
            return try ClientTool.choice(choice["function"]?["name"], of: tools, "/tool_choice/function/name")
        default: throw Problem.invalid("/tool_choice", "must be none, or with tools auto, required or a function")
        }
    }

    // MARK: The form of the answer

    /// - Returns: the schema that the answer is to have, and whether it is to be any JSON object.
    /// - Throws: `validation-failed`.
    static func format(_ value: JSONValue?) throws(Problem) -> (schema: ModelSchema?, wantsJSON: Bool) {
        guard let value, value != .null else { return (nil, false) }
        let pointer = "/response_format"
        switch value["type"]?.string {
        case "text": return (nil, false)
        case "json_object": return (nil, true)
        case "json_schema":
            let format = value["json_schema"]
            guard let schema = format?["schema"], schema.object != nil else {
                throw Problem.invalid("\(pointer)/json_schema/schema", "must be a JSON Schema")
            }
            let name = try ClientTool.name(format?["name"], charactersMax: 64, "\(pointer)/json_schema/name")
            return (ModelSchema(name: name, asWritten: schema, isStrict: format?["strict"]?.bool), false)
        default: throw Problem.invalid("\(pointer)/type", "must be text, json_object or json_schema")
        }
    }
}
