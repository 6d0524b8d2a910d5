package import Base

/// One turn of a conversation.
package struct ModelMessage: Sendable, Hashable {
    package enum Role: String, Sendable, Hashable { case system, user, assistant }

    package enum Content: Sendable, Hashable {
        case text(String)
        case image(Image)
        /// Of the assistant.
        case toolCall(ModelToolCall)
        /// Of the user: what the tool of a call returned, as texts and images.
        case toolResult(callID: String, content: [Content], isError: Bool)

        /// A result that is a text.
        package static func textResult(of callID: String, _ text: String, isError: Bool = false) -> Content {
            .toolResult(callID: callID, content: [.text(text)], isError: isError)
        }
    }

    /// An image, which is passed on as it is.
    package enum Image: Sendable, Hashable {
        /// - Parameters:
        ///   - mediaType: such as `image/png`.
        ///   - base64: the bytes, encoded.
        case data(mediaType: String, base64: String)
        /// The service fetches it.
        case url(String)
    }

    package let role: Role
    package let content: [Content]

    package init(_ role: Role, _ content: [Content]) {
        self.role = role
        self.content = content
    }

    package init(_ role: Role, _ text: String) { self.init(role, [.text(text)]) }

    /// The message as both APIs would write it: neighbouring texts are one, and arguments that are JSON have an order.
    package var normalized: ModelMessage {
        var parts: [Content] = []
        for part in content {
            switch (parts.last, part) {
            case (_, .text("")): break
            case (.text(let before)?, .text(let text)): parts[parts.count - 1] = .text(before + text)
            case (_, .toolCall(var call)):
                call.arguments = call.object?.text ?? call.arguments
                parts.append(.toolCall(call))
            case (_, .toolResult(let id, let content, let isError)):
                let content = ModelMessage(role, content).normalized.content
                parts.append(.toolResult(callID: id, content: content, isError: isError))
            default: parts.append(part)
            }
        }
        return ModelMessage(role, parts)
    }

    /// The texts, one after another.
    package var text: String { content.text }

    /// Whether the result of a tool has an image.
    package var hasResultImage: Bool {
        content.contains { if case .toolResult(_, let content, _) = $0 { content.hasImage } else { false } }
    }

    package var toolCalls: [ModelToolCall] {
        content.compactMap { if case .toolCall(let call) = $0 { call } else { nil } }
    }
}

extension [ModelMessage.Content] {
    /// The texts, one after another.
    package var text: String { compactMap { if case .text(let text) = $0 { text } else { nil } }.joined() }

    package var hasImage: Bool { contains { if case .image = $0 { true } else { false } } }
}

/// A call of a tool that the model asks for.
package struct ModelToolCall: Sendable, Hashable {
    package let id: String
    package let name: String
    /// As the model wrote them. They need be neither JSON nor fit the tool's schema.
    package var arguments: String

    package init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    /// The arguments where they are a JSON object.
    package var object: JSONValue? {
        guard let value = try? JSONValue(parsing: arguments.utf8), value.object != nil else { return nil }
        return value
    }
}
