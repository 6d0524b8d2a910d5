import NIOCore

/// Both directions of a WebSocket, for the function that serves it. Pings, fragments, compression and the closing
/// handshake are the server's.
package struct WebSocket: Sendable {
    let bridge: ConnectionBridge
    let deflate: PermessageDeflate?

    /// - Returns: the next message of the client; nil when the WebSocket is closing.
    package func receive() async throws -> WebSocketMessage? {
        guard case .message(let message) = try await bridge.next() else { return nil }
        return message
    }

    /// Returns once the message is in the buffer of the socket, which is bounded: a client that reads slowly delays the
    /// sender.
    /// - Throws: `ChannelError.ioOnClosedChannel` once the connection is closed; `CancellationError`.
    package func send(_ payload: WebSocketPayload) async throws {
        try await write(payload.frame(deflate))
    }

    /// Sends messages together.
    package func send(_ payloads: [WebSocketPayload]) async throws {
        if payloads.count == 1 { return try await send(payloads[0]) }
        var frames = ByteBuffer()
        for payload in payloads {
            var frame = payload.frame(deflate)
            if frames.readableBytes + frame.readableBytes > Self.joinedBytesMax, frames.readableBytes > 0 {
                try await write(frames)
                frames.clear()
            }
            frames.writeBuffer(&frame)
        }
        if frames.readableBytes > 0 { try await write(frames) }
    }

    private func write(_ frames: ByteBuffer) async throws {
        // Most sockets take it at once.
        if !bridge.writeWithoutWaiting(.frame(frames)) { try await bridge.write(.frame(frames)) }
    }

    /// The bytes of frames that are copied into one write.
    private static let joinedBytesMax = 64 << 10

    /// Begins the closing handshake. Later messages are dropped.
    package func close(_ close: WebSocketClose) { bridge.closeWebSocket(close) }
}
