import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket
import Telemetry

/// Takes the guard's place once a connection is a WebSocket.
final class WebSocketParts: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = WebSocketFrame

    private let endTime: TimeAmount
    private let logger: Logger

    /// - Parameter endTime: how long the last frames may take to leave.
    init(endTime: TimeAmount, logger: Logger) {
        self.endTime = endTime
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.frame(unwrapInboundIn(data))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .frame(let frame) = unwrapOutboundIn(data) else { preconditionFailure("a WebSocket carries frames only") }
        context.write(wrapOutboundOut(frame), promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("WebSocket failed", metadata: ["cause": "\(error)"])
        // For those the protocol's own handler says goodbye and closes.
        if !(error is NIOWebSocketError) { context.close(promise: nil) }
    }

    /// What streams watch graceful shutdown themselves.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !(event is ChannelShouldQuiesceEvent) { context.fireUserInboundEventTriggered(event) }
    }

    /// The handler of the WebSocket has returned: what it wrote may still leave.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let late = context.eventLoop.assumeIsolated().scheduleTask(in: endTime) { context.close(promise: nil) }
        written.futureResult.assumeIsolated().whenComplete { _ in
            late.cancel()
            context.close(promise: nil)
        }
        context.close(mode: .output, promise: written)
        promise?.succeed()
    }
}

/// The opening handshake (RFC 6455 §4.2).
enum WebSocketHandshake {
    /// - Returns: the 101 answer, or nil where the request does not ask for a WebSocket, asks wrongly, or is not granted one.
    static func answer(_ request: IncomingRequest, by upgrader: any WebSocketHost, on channel: any Channel) async -> HTTPResponseHead? {
        guard request.head.method == .get, request.head.headerFields[.upgrade]?.lowercased() == "websocket",
            let head = try? HTTPRequestHead(request.head), let fields = await upgrader.shouldUpgrade(request)
        else { return nil }
        let library = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders(fields)) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
        let headers = try? await channel.eventLoop.flatSubmit {
            library.buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
        }.get()
        return headers.map { HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: $0) }
    }
}
