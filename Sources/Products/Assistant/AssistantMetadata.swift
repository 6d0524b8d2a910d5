import Modules

/// What a client keeps beside a session or a project: any members of JSON.
enum AssistantMetadata {
    /// Of the encoded members.
    private static let bytesMax = 16 << 10

    /// - Throws: `validation-failed` for members that are too large.
    static func text(_ metadata: [String: JSONValue]) throws(Problem) -> String {
        let text = try Problem.rethrowing { try JSONColumn.encode(metadata) }
        guard text.utf8.count <= bytesMax else {
            throw Problem.invalid("/metadata", "has more than \(bytesMax) bytes")
        }
        return text
    }

    static func value(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }
}
