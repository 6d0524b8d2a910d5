import HTTPTypes
package import Modules

/// An endpoint that sends each message of a WebSocket back, for tests of the protocol. It compresses every message
/// where its client accepts that, also those that would not become smaller.
package enum EchoWebSocket {
    /// - Returns: nil for a request that asks for no WebSocket.
    /// - Throws: the problems of a malformed handshake.
    package static func response(to request: IncomingRequest) throws(Problem) -> Response? {
        guard let handshake = try handshake(of: request) else { return nil }
        return Response(
            WebSocketUpgrade(handshake) { socket in
                while let message = try? await socket.receive() {
                    let payload =
                        switch message {
                        case .text(let text): WebSocketPayload(text: text, compressedBytesMin: 0)
                        case .binary(let bytes): WebSocketPayload(binary: bytes, compressedBytesMin: 0)
                        }
                    try? await socket.send(payload)
                }
            })
    }

    /// - Returns: nil for a request that asks for no WebSocket.
    /// - Throws: the problems of a malformed handshake.
    package static func handshake(of request: IncomingRequest) throws(Problem) -> WebSocketHandshake? {
        try WebSocketHandshake(
            Request(
                method: request.head.method, path: request.head.path ?? "/", headers: request.head.headerFields,
                requestID: "echo", address: request.peerAddress, received: Runtime.system.now()))
    }
}
