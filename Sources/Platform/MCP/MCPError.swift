import Base

/// Why there is no result of a server.
package struct MCPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// By what can be done about it.
    package enum Kind: String, Sendable, Hashable {
        /// Nothing was sent: no connection, or no process.
        case unreachable
        /// The address may not be reached.
        case notAllowed = "not_allowed"
        case timedOut = "timed_out"
        /// A message, or the list of tools, is beyond a bound.
        case tooLarge = "too_large"
        /// The server does not accept the credential.
        case unauthorized
        /// The server answers with an error.
        case refused
        /// What the server sends is not the protocol.
        case malformed
        /// The process has ended.
        case ended
        /// This system runs no servers, or as many run as may.
        case unavailable
        case cancelled
    }

    package let kind: Kind
    /// A sentence for the user. It may quote the server.
    package let description: String
    /// The code of an error that the server has answered with.
    package let code: Int64?
    /// Whether the server may have received the request, and done what it asks.
    package let isUnconfirmed: Bool

    /// Characters of a server's text that are quoted.
    private static let quoteMax = 500

    package init(_ kind: Kind, _ description: String, code: Int64? = nil, isUnconfirmed: Bool? = nil) {
        self.kind = kind
        self.description = description.replacingNUL
        self.code = code
        self.isUnconfirmed = isUnconfirmed ?? [.timedOut, .tooLarge, .malformed, .ended, .cancelled].contains(kind)
    }

    static func malformed(_ description: String) -> MCPError { MCPError(.malformed, description) }

    /// An error that the server has answered with.
    static func refused(_ code: Int64, _ message: String) -> MCPError {
        MCPError(.refused, "The server answers with the error \(code): \(quoted(message))", code: code)
    }

    static func quoted(_ text: String) -> String {
        text.count > quoteMax ? "\(text.prefix(quoteMax))…" : text
    }
}
