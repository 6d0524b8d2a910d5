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
        var rest = payloads[...]
        while !rest.isEmpty {
            let (frames, count) = firstFrames(of: rest)
            try await write(frames)
            rest = rest.dropFirst(count)
        }
    }

    /// Sends messages together for as long as the buffer of the socket takes them. On the event loop of the WebSocket
    /// alone.
    /// - Returns: how many are sent; the others have to wait, or the connection is closed.
    package func sendAtOnce(_ payloads: [WebSocketPayload]) -> Int {
        var rest = payloads[...]
        while !rest.isEmpty {
            let (frames, count) = firstFrames(of: rest)
            guard bridge.writeWithoutWaiting(.frame(frames)) else { break }
            rest = rest.dropFirst(count)
        }
        return payloads.count - rest.count
    }

    /// The frames of the first messages that are written together, of one at least.
    private func firstFrames(of payloads: ArraySlice<WebSocketPayload>) -> (frames: ByteBuffer, count: Int) {
        // One alone is not copied: the readers of a message share its frame.
        if payloads.count == 1, let only = payloads.first { return (only.frame(deflate), 1) }
        var (frames, bytes): ([ByteBuffer], Int) = ([], 0)
        for payload in payloads {
            let frame = payload.frame(deflate)
            guard frames.isEmpty || bytes + frame.readableBytes <= Self.joinedBytesMax else { break }
            bytes += frame.readableBytes
            frames.append(frame)
        }
        guard frames.count > 1 else { return (frames.first ?? ByteBuffer(), frames.count) }
        var joined = ByteBufferAllocator().buffer(capacity: bytes)
        for frame in frames { joined.writeImmutableBuffer(frame) }
        return (joined, frames.count)
    }

    private func write(_ frames: ByteBuffer) async throws {
        // Most sockets take it at once.
        if !bridge.writeWithoutWaiting(.frame(frames)) { try await bridge.write(.frame(frames)) }
    }

    /// The bytes of frames that are copied into one write.
    private static let joinedBytesMax = 64 << 10

    /// Calls a function on the event loop of the WebSocket, later also where it is called there. From any thread.
    package func execute(_ body: @escaping @Sendable () -> Void) { bridge.channel.eventLoop.execute(body) }

    /// Runs a function in a task of its own, on the event loop of the WebSocket.
    package func run(_ body: @escaping @Sendable () async -> Void) {
        Task(executorPreference: bridge.executor, operation: body)
    }

    /// Begins the closing handshake. Later messages are dropped.
    package func close(_ close: WebSocketClose) { bridge.closeWebSocket(close) }
}
