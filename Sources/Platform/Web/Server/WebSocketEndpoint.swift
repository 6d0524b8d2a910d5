package import HTTPTypes
import NIOCore
package import NIOWebSocket

/// Turns requests into WebSockets (RFC 6455). Any request of a connection may be turned, not its first one alone.
package protocol WebSocketEndpoint: Sendable {
    /// - Returns: header fields to add to the 101 answer, or nil to have the request answered like any other, with a
    ///   refusal for example.
    func shouldUpgrade(_ request: IncomingRequest) async -> HTTPFields?

    /// Lives as long as the WebSocket does, which is closed when this returns. It has to watch graceful shutdown, to
    /// answer pings and to say goodbye itself.
    func handle(_ channel: WebSocketChannel, _ request: IncomingRequest) async
}

/// Both directions of one WebSocket. Fragments of a message arrive put together, frames that break the protocol not at
/// all.
package struct WebSocketChannel: Sendable {
    let parts: ConnectionBridge

    /// - Returns: nil when the client is gone.
    package func read() async throws -> WebSocketFrame? {
        guard case .frame(let frame) = try await parts.next() else { return nil }
        return frame
    }

    /// Returns once the socket has room for more: a client that does not read holds its writer up.
    package func write(_ frame: WebSocketFrame) async throws {
        try await parts.write(.frame(frame))
    }
}
