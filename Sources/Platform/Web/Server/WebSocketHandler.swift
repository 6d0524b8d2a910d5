import NIOCore
import NIOWebSocket
import Telemetry

/// The last handler of the pipeline of a WebSocket, in place of ``HTTPConnectionHandler``.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = WebSocketFrame

    private let bridge: ConnectionBridge
    private let closeTimeout: TimeAmount
    private let logger: Logger
    /// Non-nil while the handler is in the pipeline.
    private var context: ChannelHandlerContext?

    /// - Parameter closeTimeout: how long sending the last frames may take.
    init(bridge: ConnectionBridge, closeTimeout: TimeAmount, logger: Logger) {
        self.bridge = bridge
        self.closeTimeout = closeTimeout
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        bridge.attach(self)
    }

    func handlerRemoved(context _: ChannelHandlerContext) {
        context = nil
        bridge.detach(self)
    }

    func channelRead(context _: ChannelHandlerContext, data: NIOAny) { bridge.receive(.frame(unwrapInboundIn(data))) }

    func channelReadComplete(context _: ChannelHandlerContext) { bridge.readCompleted() }

    func read(context: ChannelHandlerContext) { if bridge.shouldRead() { context.read() } }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { bridge.becameWritable() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        bridge.connectionClosed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("WebSocket failed", metadata: ["cause": "\(error)"])
        // WebSocketProtocolErrorHandler sends a close frame for these and closes.
        if !(error is NIOWebSocketError) { context.close(promise: nil) }
    }

    /// ``WebSocketEndpoint`` handles graceful shutdown, so the quiesce event has no effect here.
    func userInboundEventTriggered(context _: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { bridge.closeInput() }
    }
}

extension WebSocketHandler: ConnectionBridge.PipelineEnd {
    func write(_ part: OutboundPart) {
        guard case .frame(let frame) = part else { preconditionFailure("only frames are written to a WebSocket") }
        context?.write(wrapOutboundOut(frame), promise: nil)
    }

    func flush() { context?.flush() }

    func resumeReading() { context?.read() }

    /// The endpoint has returned: its last frames are sent before the channel is closed.
    func finish() {
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        let late = context.eventLoop.assumeIsolated().scheduleTask(in: closeTimeout) { context.close(promise: nil) }
        written.futureResult.assumeIsolated().whenComplete { _ in
            late.cancel()
            context.close(promise: nil)
        }
        context.close(mode: .output, promise: written)
    }
}
