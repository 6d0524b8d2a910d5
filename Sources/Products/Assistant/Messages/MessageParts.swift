import Models
import Modules

/// What a message has besides its text, as JSON: calls of tools, their results and images.
enum MessageParts {
    /// The text of the column: nil where the content is a text alone.
    static func text(of message: ModelMessage) -> String? {
        let isText = message.content.allSatisfy { if case .text = $0 { true } else { false } }
        guard !isText else { return nil }
        var bytes: [UInt8] = []
        bytes.append(json: .array(message.content.map(value)))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The content of a stored column.
    static func content(of text: String) throws -> [ModelMessage.Content] {
        try (JSONValue(parsing: text.utf8).array ?? []).compactMap(content)
    }

    static func value(_ content: ModelMessage.Content) -> JSONValue {
        switch content {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(.data(let mediaType, let base64)):
            ["type": "image", "media_type": .string(mediaType), "data": .string(base64)]
        case .image(.url(let url)): ["type": "image", "url": .string(url)]
        case .toolCall(let call):
            [
                "type": "tool_call", "id": .string(call.id), "name": .string(call.name),
                "arguments": .string(call.arguments),
            ]
        case .toolResult(let id, let content, let isError): result(of: id, content, isError)
        }
    }

    private static func result(of id: String, _ content: [ModelMessage.Content], _ isError: Bool) -> JSONValue {
        var members: [String: JSONValue] = [
            "type": "tool_result", "tool_call_id": .string(id), "text": .string(content.text),
            "is_error": .bool(isError),
        ]
        // The order of texts and images.
        if content.hasImage { members["content"] = .array(content.map(value)) }
        return .object(members)
    }

    private static func content(_ value: JSONValue) -> ModelMessage.Content? {
        func text(_ name: String) -> String { value[name]?.string ?? "" }
        return switch value["type"]?.string {
        case "text": .text(text("text"))
        case "image":
            .image(value["url"]?.string.map { .url($0) } ?? .data(mediaType: text("media_type"), base64: text("data")))
        case "tool_call": .toolCall(ModelToolCall(id: text("id"), name: text("name"), arguments: text("arguments")))
        case "tool_result":
            .toolResult(
                callID: text("tool_call_id"),
                content: value["content"]?.array?.compactMap(content) ?? [.text(text("text"))],
                isError: value["is_error"] == true)
        default: nil
        }
    }
}

extension ModelMessage {
    /// The texts that a person reads, with those of results.
    var readableText: String {
        let results = content.compactMap { if case .toolResult(_, let parts, _) = $0 { parts.text } else { nil } }
        return results.isEmpty ? text : (results + [text]).filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    /// Whether a conversation can begin with it: with a message of the user that results from no call.
    var beginsTurn: Bool {
        role == .user && !content.contains { if case .toolResult = $0 { true } else { false } }
    }

    /// The ids of the calls whose results it has.
    var resultIDs: [String] {
        content.compactMap { if case .toolResult(let id, _, _) = $0 { id } else { nil } }
    }

    /// The parts of results of tools.
    var resultPartCount: Int {
        content.reduce(0) { if case .toolResult(_, let parts, _) = $1 { $0 + parts.count } else { $0 } }
    }

    /// With those in results of tools.
    var imageCount: Int {
        content.reduce(0) { count, part in
            switch part {
            case .image: count + 1
            case .toolResult(_, let content, _): count + ModelMessage(role, content).imageCount
            case .text, .toolCall: count
            }
        }
    }

    /// In place of an image.
    static let leftOutImage = "[An image was left out.]"

    /// The message with a sentence in place of its first images, also of those in results of tools.
    /// - Parameter count: how many; what is left of it afterwards.
    func withoutImages(_ count: inout Int) -> ModelMessage {
        guard count > 0, imageCount > 0 else { return self }
        var parts: [Content] = []
        for part in content {
            switch part {
            case .image where count > 0:
                count -= 1
                parts.append(.text(ModelMessage.leftOutImage))
            case .toolResult(let id, let content, let isError):
                let content = ModelMessage(role, content).withoutImages(&count).content
                parts.append(.toolResult(callID: id, content: content, isError: isError))
            case .image, .text, .toolCall: parts.append(part)
            }
        }
        return ModelMessage(role, parts)
    }

    /// Whether a text of it that a client wrote has a NUL character.
    var hasNUL: Bool {
        content.contains { part in
            switch part {
            case .text(let text): text.hasNUL
            case .image: false
            case .toolCall(let call): call.id.hasNUL || call.arguments.hasNUL
            case .toolResult(let id, let content, _): id.hasNUL || ModelMessage(role, content).hasNUL
            }
        }
    }
}
