/// Why a WebSocket is closed: the code and the reason of its close frame (RFC 6455 §7.4).
package struct WebSocketClose: Error, Sendable, Hashable {
    package let code: UInt16
    package let reason: String

    /// - Parameters:
    ///   - code: 1000 to 4999, and one that may be sent.
    ///   - reason: at most ``reasonBytesMax`` bytes of UTF-8.
    package init(_ code: UInt16, _ reason: String = "") {
        precondition(Self.maySend(code) && reason.utf8.count <= Self.reasonBytesMax, "an invalid close: \(code)")
        self.code = code
        self.reason = reason
    }

    /// A control frame has at most 125 bytes, two of them for the code.
    package static let reasonBytesMax = 123

    package static let normal = Self(1000)
    /// The server stops, or the connection was idle.
    package static func goingAway(_ reason: String) -> Self { Self(1001, reason) }
    package static func protocolError(_ reason: String) -> Self { Self(1002, reason) }
    package static let invalidText = Self(1007, "invalid UTF-8")
    package static let invalidCompression = Self(1007, "invalid compressed data")
    package static func policyViolation(_ reason: String) -> Self { Self(1008, reason) }
    package static let messageTooLarge = Self(1009, "the message is too large")

    /// Whether a close frame may have the code: 1004 is reserved, 1005, 1006 and 1015 are never sent.
    static func maySend(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
