package import Base

/// What a tool has answered.
package struct MCPToolResult: Sendable, Hashable {
    /// The parts as the server sent them: texts, images, resources.
    package let content: [JSONValue]
    package let structuredContent: JSONValue?
    /// Whether the tool itself has failed; the content says why.
    package let isError: Bool

    package init(_ result: JSONValue) throws(MCPError) {
        guard let content = result["content"]?.array ?? (result["structuredContent"] == nil ? nil : []) else {
            throw .malformed("The result of the tool has no content.")
        }
        self.content = content
        structuredContent = result["structuredContent"]
        isError = result["isError"]?.bool ?? false
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = ["content": .array(content), "isError": .bool(isError)]
        members["structuredContent"] = structuredContent
        return .object(members)
    }

    /// The texts, one after another; of other parts what they are. The structured content where there is nothing else.
    package var text: String {
        let parts = content.map(Self.text)
        guard parts.isEmpty, let structuredContent else { return parts.joined(separator: "\n") }
        var bytes: [UInt8] = []
        bytes.append(json: structuredContent)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text of a part of the content; of one that is no text what it is.
    package static func text(of part: JSONValue) -> String {
        part["text"]?.string ?? part["resource"]?["text"]?.string
            ?? "[\(part["type"]?.string ?? "part") \(part["mimeType"]?.string ?? part["uri"]?.string ?? "")]"
    }
}
