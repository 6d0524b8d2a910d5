import NIOCore
import NIOWebSocket
import Telemetry

/// The last handler of the pipeline of a WebSocket, in place of ``HTTPConnectionHandler``: it answers pings, sends its
/// own while the client is silent, and does the closing handshake.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// The close frame is sent; that of the client is awaited.
        case closing
        /// The output is closed; input is dropped.
        case lingering
        /// As `lingering`, for a client that has sent too many frames: nothing further is read, because every frame
        /// costs time of the event loop, however small it is.
        case refusing
    }

    /// What the handler needs of the limits, of which a copy would take more memory than the handler.
    private struct Times {
        let idle: TimeAmount
        let write: TimeAmount
        let close: TimeAmount

        /// A ping is sent after half of the time after which a silent client is disconnected.
        var pingInterval: TimeAmount { .nanoseconds(idle.nanoseconds / 2) }
    }

    private let bridge: ConnectionBridge
    private let upgrade: WebSocketUpgrade
    private let times: Times
    private let logger: Logger

    private var reader: WebSocketReader
    private var rate: FrameRate
    private var phase = Phase.open
    private var isServed = true
    private var lastReadAt = NIODeadline.now()
    private var unwritableSince: NIODeadline?
    /// The payload of a ping that arrived while the client was not reading; only the last one has to be answered
    /// (RFC 6455 §5.5.3).
    private var unansweredPing: ByteBuffer?
    private var timer: NIOScheduledCallback?
    /// Non-nil while the handler is in the pipeline.
    private var context: ChannelHandlerContext?

    init(bridge: ConnectionBridge, upgrade: WebSocketUpgrade, limits: HTTPLimits, logger: Logger) {
        self.bridge = bridge
        self.upgrade = upgrade
        times = Times(
            idle: TimeAmount(limits.webSocketIdleTimeout), write: TimeAmount(limits.writeTimeout),
            close: TimeAmount(limits.webSocketCloseTimeout))
        self.logger = logger
        reader = WebSocketReader(
            messageBytesMax: limits.webSocketMessageBytes, isDeflateEnabled: upgrade.deflate != nil)
        rate = FrameRate(burst: limits.webSocketFramesAtOnce, perSecond: limits.webSocketFramesPerSecond)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        bridge.attach(self)
        bridge.releaseQueue()
        schedule(in: times.pingInterval)
    }

    /// Acts on what the connection reported before the switch of the protocol: it does not report it again.
    func protocolSwitched() {
        if bridge.isInputClosed {
            endService()
            context?.close(promise: nil)
        } else if bridge.isDraining {
            close(.goingAway("the server is stopping"))
        }
    }

    func handlerRemoved(context _: ChannelHandlerContext) {
        timer?.cancel()
        (timer, context) = (nil, nil)
        bridge.detach(self)
    }
}

// MARK: - In

extension WebSocketHandler {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open || phase == .closing else { return }
        lastReadAt = .now()
        guard rate.accepts(at: lastReadAt) else {
            return fail(.policyViolation("too many frames"), context, as: .refusing)
        }
        do throws(WebSocketClose) {
            switch try reader.receive(unwrapInboundIn(data)) {
            case .message(let message): if phase == .open, upgrade.readsMessages { bridge.receive(.message(message)) }
            case .ping(let payload): answer(payload, context)
            case .close(let close): closed(by: close, context)
            case .pong, nil: break
            }
        } catch {
            fail(error, context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        bridge.readCompleted()
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        switch phase {
        case .open: if bridge.shouldRead() { context.read() }
        case .closing, .lingering: context.read()
        case .refusing: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        endService()
        bridge.connectionClosed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("WebSocket failed", metadata: ["cause": "\(error)"])
        switch error {
        case NIOWebSocketError.invalidFrameLength: fail(.messageTooLarge, context)
        case is NIOWebSocketError: fail(.protocolError("a malformed control frame"), context)
        // The bytes after a malformed frame.
        case is ByteToMessageDecoderError: break
        default: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway("the server is stopping"))
        case ChannelEvent.inputClosed:
            endService()
            bridge.closeInput()
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            unwritableSince = .now()
            return
        }
        unwritableSince = nil
        if let payload = unansweredPing {
            unansweredPing = nil
            answer(payload, context)
            context.flush()
        }
        bridge.becameWritable()
    }

    private func answer(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        guard phase == .open else { return }
        guard context.channel.isWritable else {
            unansweredPing = payload
            return
        }
        context.write(wrapOutboundOut(WebSocketPayload.frame(payload, .pong)), promise: nil)
    }
}

// MARK: - Out

extension WebSocketHandler: ConnectionBridge.PipelineEnd {
    func write(_ part: OutboundPart) {
        guard case .frame(let frame) = part else { preconditionFailure("only frames are written to a WebSocket") }
        if phase == .open { context?.write(wrapOutboundOut(frame), promise: nil) }
    }

    func flush() { context?.flush() }

    func resumeReading() { if phase != .refusing { context?.read() } }

    /// The service has returned.
    func finish() { close(.normal) }
}

// MARK: - Close

extension WebSocketHandler {
    /// Sends a close frame, and closes the connection when the client has answered it, or after
    /// ``HTTPLimits/webSocketCloseTimeout``.
    func close(_ close: WebSocketClose) {
        guard phase == .open, let context else { return }
        phase = .closing
        send(close, context)
        endService()
        schedule(in: times.close)
        context.read()
    }

    /// The client has sent its close frame: it is answered with the same code, and the server closes the connection
    /// (RFC 6455 §7.1.1).
    private func closed(by close: WebSocketClose?, _ context: ChannelHandlerContext) {
        if phase == .open { send(close, context) }
        linger(context)
    }

    /// Nothing further can be read, not even the client's close frame.
    private func fail(_ close: WebSocketClose, _ context: ChannelHandlerContext, as next: Phase = .lingering) {
        if phase == .open { send(close, context) }
        linger(context, as: next)
    }

    /// Closes the output, and the connection when the client does so too, so that it reads the close frame and not a
    /// reset.
    private func linger(_ context: ChannelHandlerContext, as next: Phase = .lingering) {
        guard phase == .open || phase == .closing else { return }
        phase = next
        endService()
        context.close(mode: .output, promise: nil)
        schedule(in: times.close)
        if next == .lingering { context.read() }
    }

    private func send(_ close: WebSocketClose?, _ context: ChannelHandlerContext) {
        var data = ByteBuffer()
        if let close {
            data.writeInteger(close.code)
            data.writeString(close.reason)
        }
        context.writeAndFlush(wrapOutboundOut(WebSocketPayload.frame(data, .connectionClose)), promise: nil)
    }

    /// Ends the waits of the function that serves the WebSocket. Further calls have no effect.
    func endService() {
        guard isServed else { return }
        isServed = false
        upgrade.onClose()
        bridge.closeInput()
    }
}

// MARK: - Time

extension WebSocketHandler: NIOScheduledCallbackHandler {
    /// A callback takes less memory than a task, which has a promise. The loop refuses it only where it is shut down.
    private func schedule(in delay: TimeAmount) {
        timer?.cancel()
        timer = try? context?.eventLoop.assumeIsolated().scheduleCallback(in: delay, handler: self)
    }

    func handleScheduledCallback(eventLoop _: some EventLoop) {
        // Cancelling one that has fired would search all timers of the loop.
        timer = nil
        timeElapsed()
    }

    private func timeElapsed() {
        guard let context else { return }
        let now = NIODeadline.now(), silence = now - lastReadAt
        guard phase == .open, unwritableSince.map({ now - $0 < times.write }) ?? true else {
            return context.close(promise: nil)
        }
        guard silence < times.idle else {
            send(.goingAway("no answer to a ping"), context)
            return context.close(promise: nil)
        }
        if silence >= times.pingInterval, context.channel.isWritable {
            context.writeAndFlush(wrapOutboundOut(WebSocketPayload.frame(ByteBuffer(), .ping)), promise: nil)
        }
        schedule(in: times.pingInterval)
    }
}
