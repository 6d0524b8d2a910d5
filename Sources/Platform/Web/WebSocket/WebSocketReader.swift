import NIOCore
import NIOWebSocket

/// The receiving side of a WebSocket as a value: it checks frames and joins fragments (RFC 6455 §5), without I/O.
struct WebSocketReader {
    enum Event {
        case message(WebSocketMessage)
        case ping(ByteBuffer)
        case pong
        /// The code and the reason, if any.
        case close(WebSocketClose?)
    }

    private struct Fragments {
        let isText: Bool
        let isCompressed: Bool
        var bytes: ByteBuffer
        var count = 1
        var validator = UTF8Validator()
    }

    private let messageBytesMax: Int
    private let isDeflateEnabled: Bool
    private var fragments: Fragments?

    /// The fragments of one message, which a client may leave empty.
    static let fragmentsMax = 4_096

    /// - Parameter messageBytesMax: of a whole message, decompressed.
    init(messageBytesMax: Int, isDeflateEnabled: Bool) {
        self.messageBytesMax = messageBytesMax
        self.isDeflateEnabled = isDeflateEnabled
    }

    /// - Returns: nil for a fragment after which others follow.
    /// - Throws: the close to answer with: 1002, 1007 or 1009.
    mutating func receive(_ frame: WebSocketFrame) throws(WebSocketClose) -> Event? {
        guard frame.maskKey != nil else { throw .protocolError("a frame of a client must be masked") }
        guard !frame.rsv2, !frame.rsv3 else { throw .protocolError("a reserved bit is set") }
        switch frame.opcode {
        case .text, .binary: return try begin(frame)
        case .continuation: return try resume(frame)
        case .ping, .pong, .connectionClose:
            guard !frame.rsv1 else { throw .protocolError("a control frame cannot be compressed") }
            return try control(frame)
        default: throw .protocolError("an unknown opcode")
        }
    }

    private func control(_ frame: WebSocketFrame) throws(WebSocketClose) -> Event {
        switch frame.opcode {
        case .ping: return .ping(frame.unmaskedData)
        case .pong: return .pong
        default:
            var data = frame.unmaskedData
            guard data.readableBytes > 0 else { return .close(nil) }
            guard let code = data.readInteger(as: UInt16.self), WebSocketClose.maySend(code) else {
                throw .protocolError("an invalid close code")
            }
            guard let reason = String(validating: data.readableBytesView, as: UTF8.self) else { throw .invalidText }
            return .close(WebSocketClose(code, reason))
        }
    }

    private mutating func begin(_ frame: WebSocketFrame) throws(WebSocketClose) -> Event? {
        guard fragments == nil else { throw .protocolError("a message begins before the previous one ends") }
        guard !frame.rsv1 || isDeflateEnabled else { throw .protocolError("a reserved bit is set") }
        var new = Fragments(isText: frame.opcode == .text, isCompressed: frame.rsv1, bytes: frame.unmaskedData)
        if frame.fin { return .message(try message(new)) }
        try check(new.bytes, of: &new)
        fragments = new
        return nil
    }

    private mutating func resume(_ frame: WebSocketFrame) throws(WebSocketClose) -> Event? {
        guard var message = fragments else { throw .protocolError("nothing to continue") }
        guard !frame.rsv1 else { throw .protocolError("only the first frame of a message says that it is compressed") }
        message.count += 1
        var bytes = frame.unmaskedData
        guard message.count <= Self.fragmentsMax,
            message.bytes.readableBytes + bytes.readableBytes <= messageBytesMax + HTTPLimits.deflateOverhead
        else { throw .messageTooLarge }
        try check(bytes, of: &message)
        // The copy of the buffer that `fragments` holds would make it copy on write.
        fragments = nil
        message.bytes.writeBuffer(&bytes)
        guard frame.fin else {
            fragments = message
            return nil
        }
        return .message(try self.message(message))
    }

    /// Refuses text with its first invalid fragment.
    private func check(_ bytes: ByteBuffer, of message: inout Fragments) throws(WebSocketClose) {
        guard message.isText, !message.isCompressed else { return }
        guard message.validator.accepts(bytes.readableBytesView) else { throw .invalidText }
    }

    private func message(_ whole: Fragments) throws(WebSocketClose) -> WebSocketMessage {
        var bytes = whole.bytes
        if whole.isCompressed { bytes = try Inflater.decompressed(bytes, upTo: messageBytesMax) }
        guard bytes.readableBytes <= messageBytesMax else { throw .messageTooLarge }
        guard whole.isText else { return .binary(bytes) }
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else { throw .invalidText }
        return .text(text)
    }
}
