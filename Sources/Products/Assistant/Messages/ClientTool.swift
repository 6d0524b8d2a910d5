import Models
import Modules

/// Reads tools and calls of tools, whose parts have the same rules in both APIs.
enum ClientTool {
    /// Of one request.
    static let countMax = 128
    private static let nameCharactersMax = 128
    private static let idCharactersMax = 200

    /// - Parameters:
    ///   - tool: has `name`, `description`, `strict`, and the schema.
    ///   - schemaName: of the member with the schema.
    ///   - pointer: of `tool` in the body.
    /// - Throws: `validation-failed`.
    static func tool(_ tool: JSONValue?, schemaName: String, _ pointer: String) throws(Problem) -> ModelTool {
        let description = tool?["description"] ?? .null
        guard description == .null || description.string != nil else {
            throw Problem.invalid("\(pointer)/description", "must be a text")
        }
        guard let schema = tool?[schemaName], schema["type"] == "object" else {
            throw Problem.invalid("\(pointer)/\(schemaName)", "must be a JSON Schema with the type object")
        }
        return ModelTool(
            name: try name(tool?["name"], "\(pointer)/name"), description: description.string ?? "",
            parameters: schema, isStrict: tool?["strict"]?.bool)
    }

    /// - Throws: `validation-failed` for two tools of one name.
    static func requireDifferentNames(_ tools: [ModelTool]) throws(Problem) {
        var names: Set<String> = []
        for (index, tool) in tools.enumerated() where !names.insert(tool.name).inserted {
            throw Problem.invalid("/tools/\(index)", "has the name of another tool")
        }
    }

    /// The choice of one tool.
    /// - Throws: `validation-failed` for one that is not among the tools.
    static func choice(_ name: JSONValue?, of tools: [ModelTool], _ pointer: String) throws(Problem)
        -> ModelRequest.ToolChoice
    {
        guard let name = name?.string, tools.contains(where: { $0.name == name }) else {
            throw Problem.invalid(pointer, "must name one of the tools")
        }
        return .tool(name)
    }

    /// Letters, digits, hyphens and underscores.
    /// - Throws: `validation-failed`.
    static func name(_ value: JSONValue?, charactersMax: Int = nameCharactersMax, _ pointer: String) throws(Problem)
        -> String
    {
        guard let name = value?.string, ToolName.isValid(name, upTo: charactersMax) else {
            throw Problem.invalid(
                pointer, "must be 1 to \(charactersMax) letters, digits, hyphens and underscores")
        }
        return name
    }

    /// The id of a call, which its result names.
    /// - Throws: `validation-failed`.
    static func id(_ value: JSONValue?, _ pointer: String) throws(Problem) -> String {
        guard let id = value?.string, (1...idCharactersMax).contains(id.count) else {
            throw Problem.invalid(pointer, "must be a text of 1 to \(idCharactersMax) characters")
        }
        return id
    }
}
