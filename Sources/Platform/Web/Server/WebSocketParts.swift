import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket
import Telemetry

/// Takes the guard's place once a connection is a WebSocket.
final class WebSocketParts: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = WebSocketFrame

    private let parts: ConnectionBridge
    private let endTime: TimeAmount
    private let logger: Logger
    /// While this stands in the pipeline.
    private var context: ChannelHandlerContext?

    /// - Parameter endTime: how long the last frames may take to leave.
    init(parts: ConnectionBridge, endTime: TimeAmount, logger: Logger) {
        self.parts = parts
        self.endTime = endTime
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        parts.attach(self)
    }

    func handlerRemoved(context _: ChannelHandlerContext) {
        context = nil
        parts.detach(self)
    }

    func channelRead(context _: ChannelHandlerContext, data: NIOAny) { parts.arrived(.frame(unwrapInboundIn(data))) }

    func channelReadComplete(context _: ChannelHandlerContext) { parts.readIsComplete() }

    func read(context: ChannelHandlerContext) { if parts.wantsMore() { context.read() } }

    func channelWritabilityChanged(context: ChannelHandlerContext) { if context.channel.isWritable { parts.hasRoom() } }

    func channelInactive(context: ChannelHandlerContext) {
        parts.connectionIsOver()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("WebSocket failed", metadata: ["cause": "\(error)"])
        // For those the protocol's own handler says goodbye and closes.
        if !(error is NIOWebSocketError) { context.close(promise: nil) }
    }

    /// What streams watches graceful shutdown itself.
    func userInboundEventTriggered(context _: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { parts.inputIsOver() }
    }
}

extension WebSocketParts: ConnectionBridge.PipelineEnd {
    func write(_ part: OutboundPart) {
        guard case .frame(let frame) = part else { preconditionFailure("a WebSocket carries frames only") }
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    func flush() { context?.flush() }

    func readMore() { context?.read() }

    /// The handler of the WebSocket has returned: what it wrote may still leave.
    func finish() {
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        let late = context.eventLoop.assumeIsolated().scheduleTask(in: endTime) { context.close(promise: nil) }
        written.futureResult.assumeIsolated().whenComplete { _ in
            late.cancel()
            context.close(promise: nil)
        }
        context.close(mode: .output, promise: written)
    }
}

/// The opening handshake (RFC 6455 §4.2).
enum WebSocketHandshake {
    /// - Returns: the fields of the 101 answer, or nil where the request does not ask for a WebSocket, asks wrongly, or
    ///   is not granted one.
    static func answer(_ request: IncomingRequest, by upgrader: any WebSocketEndpoint, on channel: any Channel) async
        -> HTTPFields?
    {
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
        return headers.map { HTTPFields($0, splitCookie: false) }
    }
}
