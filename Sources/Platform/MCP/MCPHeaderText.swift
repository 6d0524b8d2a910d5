import Foundation

/// The values of `Mcp-Name` and `Mcp-Param-…`: plain text, or base64 between marks.
package enum MCPHeaderText {
    private static let prefix = "=?base64?"
    private static let suffix = "?="

    package static func encoded(_ text: String) -> String {
        let isPlain =
            text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && text.first != " " && text.last != " "
            && !(text.hasPrefix(prefix) && text.hasSuffix(suffix))
        return isPlain ? text : prefix + Data(text.utf8).base64EncodedString() + suffix
    }

    /// - Returns: nil for broken base64, and for bytes that are no UTF-8.
    package static func decoded(_ text: String) -> String? {
        guard text.hasPrefix(prefix), text.hasSuffix(suffix), text.utf8.count >= prefix.utf8.count + suffix.utf8.count
        else { return text }
        let content = text.dropFirst(prefix.count).dropLast(suffix.count)
        return Data(base64Encoded: String(content)).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
