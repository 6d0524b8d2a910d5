import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// The opening handshake (RFC 6455 §4.2).
enum WebSocketHandshake {
    /// - Returns: the fields of the 101 response; nil where the request asks for no WebSocket, is malformed, or is
    ///   refused by the endpoint.
    static func response(to request: IncomingRequest, by endpoint: any WebSocketEndpoint, on channel: any Channel) async
        -> HTTPFields?
    {
        guard request.head.method == .get, request.head.headerFields[.upgrade]?.lowercased() == "websocket",
            let head = try? HTTPRequestHead(request.head), let fields = await endpoint.shouldUpgrade(request)
        else { return nil }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders(fields)) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
        let headers = try? await channel.eventLoop.flatSubmit {
            upgrader.buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
        }.get()
        return headers.map { HTTPFields($0, splitCookie: false) }
    }
}
