/// A packet of Engine.IO, revision 4 of its protocol (github.com/socketio/engine.io-protocol): a digit and text.
/// Packets with binary data are not accepted.
struct EngineIOPacket: Sendable, Equatable {
    enum Kind: UInt8, Sendable, CaseIterable {
        /// The first packet of the server.
        case open = 0
        case close = 1
        /// Of the server, and of a client that probes a WebSocket.
        case ping = 2
        case pong = 3
        case message = 4
        /// The client uses the probed WebSocket from here on.
        case upgrade = 5
        /// Ends a poll without a message.
        case noop = 6
    }

    let kind: Kind
    let data: String

    init(_ kind: Kind, _ data: String = "") {
        self.kind = kind
        self.data = data
    }

    /// - Returns: nil for a malformed or binary packet.
    init?(text: some StringProtocol) {
        guard let digit = text.utf8.first, digit >= UInt8(ascii: "0"),
            let kind = Kind(rawValue: digit - UInt8(ascii: "0"))
        else { return nil }
        self.kind = kind
        data = String(text.dropFirst())
    }

    var text: String { "\(kind.rawValue)\(data)" }
}
