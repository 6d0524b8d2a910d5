import HTTPTypes

/// What a route answers the opening handshake of a WebSocket with (RFC 6455): the server switches the protocol, and
/// the WebSocket is served for as long as the connection lasts. Whatever admits a request to the route admits it.
package final class WebSocketUpgrade: Sendable {
    enum Service: Sendable {
        /// The task of the connection runs it, and lasts as long.
        case task(@Sendable (WebSocket) async -> Void)
        /// Called once; the task of the connection ends.
        case events(@Sendable (WebSocket) -> Void)
    }

    let deflate: PermessageDeflate?
    let onClose: @Sendable () -> Void
    let service: Service

    /// Whether the messages of the client are read; otherwise they are dropped.
    var readsMessages: Bool {
        if case .task = service { true } else { false }
    }

    /// - Parameters:
    ///   - handshake: of the request.
    ///   - onClose: called once when the WebSocket is closing, on its event loop; it must not block.
    ///   - serve: the WebSocket is closed when it returns. It is not cancelled when the client disconnects: sending
    ///     throws then, and ``WebSocket/receive()`` returns nil.
    package init(
        _ handshake: WebSocketHandshake,
        onClose: @escaping @Sendable () -> Void = {},
        serve: @escaping @Sendable (WebSocket) async -> Void
    ) {
        deflate = handshake.deflate
        self.onClose = onClose
        service = .task(serve)
    }

    /// A WebSocket that no task serves: while nothing is sent it has the memory of its connection alone. The messages
    /// of the client are dropped.
    /// - Parameters:
    ///   - handshake: of the request.
    ///   - onClose: called once when the WebSocket is closing, on its event loop; it must not block.
    ///   - begin: called on the event loop of the WebSocket; it must not block. The WebSocket lasts until it is closed.
    package init(
        _ handshake: WebSocketHandshake,
        onClose: @escaping @Sendable () -> Void,
        begin: @escaping @Sendable (WebSocket) -> Void
    ) {
        deflate = handshake.deflate
        self.onClose = onClose
        service = .events(begin)
    }
}

extension Response {
    /// The response to an opening handshake.
    package init(_ upgrade: WebSocketUpgrade) {
        self.init(status: .switchingProtocols)
        if let deflate = upgrade.deflate { headers[.secWebSocketExtensions] = deflate.response }
        webSocket = upgrade
    }
}
