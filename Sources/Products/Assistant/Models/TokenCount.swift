import Models

/// Tokens of texts that no service has counted.
enum TokenCount {
    /// Besides the text of a message.
    private static let ofMessage: Int64 = 16
    /// Besides the messages of a conversation.
    private static let ofConversation: Int64 = 64

    /// At least as many as a service counts for the conversation: a token has a byte or more.
    static func inputMax(_ messages: [ModelMessage]) -> Int64 {
        messages.reduce(ofConversation) { $0 + Int64($1.text.utf8.count) + ofMessage }
    }

    /// About as many as a service counts: four bytes each, at least one for a text that is not empty.
    static func estimate(_ text: String) -> Int64 { (Int64(text.utf8.count) + 3) / 4 }

    static func estimate(_ messages: [ModelMessage]) -> Int64 { messages.reduce(0) { $0 + estimate($1.text) } }
}
