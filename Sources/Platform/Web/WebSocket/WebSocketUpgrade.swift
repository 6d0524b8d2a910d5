import HTTPTypes

/// What a route answers the opening handshake of a WebSocket with (RFC 6455): the server switches the protocol, and
/// runs `serve` for as long as the connection lasts. Whatever admits a request to the route admits the WebSocket.
package final class WebSocketUpgrade: Sendable {
    let deflate: PermessageDeflate?
    let readsMessages: Bool
    let onClose: @Sendable () -> Void
    let serve: @Sendable (WebSocket) async -> Void

    /// - Parameters:
    ///   - handshake: of the request.
    ///   - readsMessages: false drops the messages of the client.
    ///   - onClose: called once when the WebSocket is closing, on its event loop; it must not block.
    ///   - serve: the WebSocket is closed when it returns. It is not cancelled when the client disconnects: sending
    ///     throws then, and ``WebSocket/receive()`` returns nil.
    package init(
        _ handshake: WebSocketHandshake,
        readsMessages: Bool = true,
        onClose: @escaping @Sendable () -> Void = {},
        serve: @escaping @Sendable (WebSocket) async -> Void
    ) {
        deflate = handshake.deflate
        self.readsMessages = readsMessages
        self.onClose = onClose
        self.serve = serve
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
