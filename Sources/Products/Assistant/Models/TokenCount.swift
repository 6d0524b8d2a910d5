import Models
import Modules

/// Tokens of texts that no service has counted.
enum TokenCount {
    /// Besides the content of a message.
    private static let ofMessage: Int64 = 16
    /// Besides the messages of a conversation.
    private static let ofConversation: Int64 = 64
    /// What services add where they are told of tools or of a schema.
    private static let ofInstructions: Int64 = 1_024
    /// The most that a service counts for an image, except ``ofLargestImage``.
    private static let ofImage: Int64 = 10_000
    /// Of models whose names contain `4o-mini`, which count more for an image than others.
    private static let ofLargestImage: Int64 = 50_000
    /// About as many as services count for an image.
    private static let ofUsualImage: Int64 = 1_500

    /// At least as many as a service counts for the request: a token has a byte or more.
    static func inputMax(_ request: ModelRequest) -> Int64 {
        let ofImage = request.model.contains("4o-mini") ? ofLargestImage : ofImage
        var tokens = request.messages.reduce(ofConversation) { tokens, message in
            tokens + bytes(of: message) + Int64(message.imageCount) * ofImage
                + ofMessage * Int64(max(1, message.content.count) + message.resultPartCount)
        }
        let schemas = request.tools.map(\.parameters) + (request.schema.map { [$0.json] } ?? [])
        if !schemas.isEmpty { tokens += ofInstructions }
        if request.wantsJSON { tokens += ofConversation }
        for schema in schemas {
            var json: [UInt8] = []
            json.append(json: schema)
            tokens += Int64(json.count) + ofMessage
        }
        return request.tools.reduce(tokens) { $0 + Int64($1.name.utf8.count + $1.description.utf8.count) }
    }

    /// About as many as a service counts: four bytes each, at least one for a text that is not empty.
    static func estimate(_ text: String) -> Int64 { (Int64(text.utf8.count) + 3) / 4 }

    static func estimate(_ message: ModelMessage) -> Int64 {
        (bytes(of: message) + 3) / 4 + Int64(message.imageCount) * ofUsualImage
    }

    static func estimate(_ messages: [ModelMessage]) -> Int64 { messages.reduce(0) { $0 + estimate($1) } }

    /// The bytes that a model reads, without images.
    private static func bytes(of message: ModelMessage) -> Int64 {
        message.content.reduce(0) { $0 + bytes(of: $1) }
    }

    private static func bytes(of part: ModelMessage.Content) -> Int64 {
        switch part {
        case .text(let text): Int64(text.utf8.count)
        case .image: 0
        case .toolCall(let call): Int64(call.id.utf8.count + call.name.utf8.count + call.arguments.utf8.count)
        case .toolResult(let id, let content, _): content.reduce(Int64(id.utf8.count)) { $0 + bytes(of: $1) }
        }
    }
}
