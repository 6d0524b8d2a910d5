/// The parameters of the extension permessage-deflate (RFC 7692) that a WebSocket uses. Neither side keeps a context
/// between messages, because one takes more memory than the socket.
package struct PermessageDeflate: Sendable, Hashable {
    /// The base-2 logarithm of the window of messages to the client.
    let windowBits: Int32
    /// Whether the client has limited the window.
    private let isWindowLimited: Bool

    static let windowBitsMax: Int32 = 15

    /// - Parameter offers: the values of `Sec-WebSocket-Extensions`.
    /// - Returns: the first acceptable offer; nil where there is none.
    init?(offers: [String]) {
        for offer in offers.joined(separator: ",").split(separator: ",") {
            if let accepted = Self(offer: offer) {
                self = accepted
                return
            }
        }
        return nil
    }

    /// - Returns: nil for another extension, for unknown, repeated or invalid parameters, and for a window of 256
    ///   bytes, which zlib cannot limit a raw stream to.
    private init?(offer: Substring) {
        let parts = offer.split(separator: ";", omittingEmptySubsequences: false).map { part in
            part.filter { $0 != " " && $0 != "\t" }
        }
        guard parts.first?.lowercased() == "permessage-deflate" else { return nil }
        var names: Set<String> = []
        var bits = Self.windowBitsMax
        for parameter in parts.dropFirst() {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = pair.first?.lowercased(), names.insert(name).inserted else { return nil }
            let value = pair.count > 1 ? Self.bits(pair[1]) : nil
            switch name {
            case "server_no_context_takeover", "client_no_context_takeover": guard pair.count == 1 else { return nil }
            case "client_max_window_bits": guard pair.count == 1 || value != nil else { return nil }
            case "server_max_window_bits":
                guard let value, value > 8 else { return nil }
                bits = value
            default: return nil
            }
        }
        windowBits = bits
        isWindowLimited = names.contains("server_max_window_bits")
    }

    /// The value of `Sec-WebSocket-Extensions` in the response.
    var response: String {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            + (isWindowLimited ? "; server_max_window_bits=\(windowBits)" : "")
    }

    /// A number from 8 to 15 without leading zeros, which may be quoted.
    private static func bits(_ text: Substring) -> Int32? {
        let isQuoted = text.count > 2 && text.hasPrefix("\"") && text.hasSuffix("\"")
        let digits = isQuoted ? text.dropFirst().dropLast() : text
        return (8...windowBitsMax).first { String($0) == digits }
    }
}
