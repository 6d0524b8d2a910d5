package import HTTPTypes
import NIOCore
package import NIOWebSocket

/// Decides which requests become WebSockets (RFC 6455), and serves them. Any request of a connection may become one.
package protocol WebSocketEndpoint: Sendable {
    /// - Returns: header fields to add to the 101 response; nil answers the request like any other.
    func shouldUpgrade(_ request: IncomingRequest) async -> HTTPFields?

    /// The WebSocket is closed when this returns. The implementation handles graceful shutdown, answers pings and sends
    /// the close frame.
    func handle(_ channel: WebSocketChannel, _ request: IncomingRequest) async
}

/// Both directions of one WebSocket. Fragmented messages arrive as one frame; frames that violate the protocol do not
/// arrive.
package struct WebSocketChannel: Sendable {
    let bridge: ConnectionBridge

    /// - Returns: nil when the client has closed the connection.
    package func read() async throws -> WebSocketFrame? {
        guard case .frame(let frame) = try await bridge.next() else { return nil }
        return frame
    }

    /// Returns once the socket is writable again: backpressure of the client reaches the writer.
    package func write(_ frame: WebSocketFrame) async throws {
        try await bridge.write(.frame(frame))
    }
}
