package import Base

/// A tool of a server, as the server describes it.
package struct MCPTool: Sendable, Hashable {
    package let name: String
    package let title: String?
    package let description: String
    /// A JSON Schema of an object.
    package let inputSchema: JSONValue
    /// The server's own word that the tool changes nothing. It is a hint: a server can say anything.
    package let isReadOnly: Bool
    /// The server's own word that the tool deletes or overwrites nothing.
    package let isAdditive: Bool
    /// The server's own word that a second call with the same arguments changes nothing more.
    package let isIdempotent: Bool
    /// Parameters that header fields repeat (`x-mcp-header`), by the path of their properties.
    let headers: [String: [String]]

    package static let nameMax = 128

    /// - Returns: nil for a definition that is not one of the protocol: without a name of 1 to 128 letters, digits and
    ///   `_-.`, without a schema of an object, or with header fields that it may not have.
    package init?(_ json: JSONValue) {
        guard let name = json["name"]?.string, (1...Self.nameMax).contains(name.utf8.count),
            name.utf8.allSatisfy(Self.nameBytes.contains), let schema = json["inputSchema"], schema.object != nil,
            schema["type"] == "object", let headers = Self.headers(in: schema)
        else { return nil }
        self.name = name
        title = (json["title"]?.string ?? json["annotations"]?["title"]?.string).map { String($0.prefix(200)) }
        description = json["description"]?.string ?? ""
        inputSchema = schema
        let hints = json["annotations"]
        isReadOnly = hints?["readOnlyHint"]?.bool ?? false
        isAdditive = !(hints?["destructiveHint"]?.bool ?? true)
        isIdempotent = hints?["idempotentHint"]?.bool ?? false
        self.headers = headers
    }

    /// The definition that ``init(_:)`` reads as this tool.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "description": .string(description), "inputSchema": inputSchema,
            "annotations": [
                "readOnlyHint": .bool(isReadOnly), "destructiveHint": .bool(!isAdditive),
                "idempotentHint": .bool(isIdempotent),
            ],
        ]
        members["title"] = title.map { .string($0) }
        return .object(members)
    }

    private static let nameBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.".utf8)

    // MARK: Header fields

    private static let headerKey = "x-mcp-header"
    /// RFC 9110, section 5.6.2.
    private static let tokenBytes = nameBytes.union("!#$%&'*+^`|~".utf8)
    private static let headersMax = 20

    /// The paths of annotated properties by the names of their fields, in lower case.
    /// - Returns: nil where an annotation stands anywhere else, or is not valid.
    private static func headers(in schema: JSONValue) -> [String: [String]]? {
        var found: [String: [String]] = [:]
        var isValid = true
        func collect(_ schema: JSONValue, path: [String]) {
            for (name, property) in schema["properties"]?.object ?? [:] {
                collect(property, path: path + [name])
                guard let value = property[headerKey] else { continue }
                guard let field = value.string, !field.isEmpty, field.utf8.allSatisfy(tokenBytes.contains),
                    ["string", "integer", "boolean"].contains(property["type"]?.string ?? ""),
                    found.updateValue(path + [name], forKey: field.lowercased()) == nil
                else {
                    isValid = false
                    return
                }
            }
        }
        collect(schema, path: [])
        guard isValid, found.count <= headersMax, count(of: headerKey, in: schema) == found.count else { return nil }
        return found
    }

    /// How often the member stands anywhere in a value.
    private static func count(of member: String, in value: JSONValue) -> Int {
        switch value {
        case .object(let members):
            members.reduce(0) { sum, own in
                sum + (own.key == member && own.value.string != nil ? 1 : count(of: member, in: own.value))
            }
        case .array(let elements): elements.reduce(0) { $0 + count(of: member, in: $1) }
        default: 0
        }
    }

    /// The fields `Mcp-Param-…` of a call.
    func headerFields(for arguments: JSONValue) -> [(name: String, value: String)] {
        headers.sorted { $0.key < $1.key }.compactMap { field, path in
            let value = path.reduce(Optional(arguments)) { $0?[$1] }
            let text: String? =
                switch value {
                case .string(let text)?: text
                case .bool(let value)?: value ? "true" : "false"
                default: value?.integer.map(String.init)
                }
            return text.map { (name: "Mcp-Param-\(field)", value: MCPHeaderText.encoded($0)) }
        }
    }
}
