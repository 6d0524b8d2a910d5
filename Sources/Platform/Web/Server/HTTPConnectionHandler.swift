import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Telemetry

/// The last handler of an HTTP connection's pipeline. It translates parts, enforces the timeouts, queues faults at
/// their place in the stream, and closes the connection so that the client reads the last response.
///
/// It has one timer, which is rescheduled only where it would fire too late.
final class HTTPConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// Further input is not parsed; requests before the fault are still answered.
        case faulted
        /// The last response is written and not yet sent.
        case ending
        /// The last response is sent; input is dropped.
        case lingering
    }

    private let limits: HTTPLimits
    private let bridge: ConnectionBridge
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let isSecure: Bool
    private let logger: Logger

    private var timeouts: ConnectionTimeouts
    private var phase = Phase.open
    /// Whether the current read yielded a part.
    private var sawPart = false
    private var lingerBytes = 0
    private var timer: (fires: NIODeadline, scheduled: Scheduled<Void>)?
    /// Non-nil while the handler is in the pipeline.
    private var context: ChannelHandlerContext?

    /// - Parameter isSecure: whether the connection is encrypted.
    init(
        limits: HTTPLimits,
        bridge: ConnectionBridge,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>,
        isSecure: Bool,
        logger: Logger
    ) {
        self.limits = limits
        self.bridge = bridge
        self.decoder = decoder
        self.isSecure = isSecure
        self.logger = logger
        timeouts = ConnectionTimeouts(limits: limits, start: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        bridge.attach(self)
        checkTimeouts(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        (timer, self.context) = (nil, nil)
        bridge.detach(self)
    }
}

// MARK: - In

extension HTTPConnectionHandler {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        sawPart = true
        switch phase {
        case .open: receive(part, context)
        case .faulted: if case .end = part { timeouts.requestEnded() }
        case .ending, .lingering: drop(part, context)
        }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            timeouts.headArrived(at: .now())
            do throws(HTTPError) {
                let head = try RequestHead(head, uriBytes: limits.uriBytes, isSecure: isSecure)
                bridge.receive(.head(head))
                if head.hasBody { checkTimeouts(context) }
            } catch {
                phase = .faulted
                bridge.receive(.fault(error))
            }
        case .body(let chunk):
            timeouts.chunkArrived(chunk.readableBytes, at: .now(), bodyAwaitedSince: bridge.bodyAwaitedSince)
            bridge.receive(.body(chunk))
        case .end:
            timeouts.requestEnded()
            bridge.receive(.end)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // The bytes of this read made no part: they are the beginning of a head.
        if !sawPart, phase == .open {
            timeouts.headBegan(at: .now())
            checkTimeouts(context)
        }
        sawPart = false
        bridge.readCompleted()
        // The task of the connection reads no more.
        if phase == .lingering { context.read() }
    }

    func read(context: ChannelHandlerContext) {
        if phase != .faulted, bridge.shouldRead() { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        bridge.connectionClosed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case ByteToMessageDecoderError.dataReceivedInErrorState(_, let bytes):
            if phase == .lingering { count(bytes.readableBytes, context) }
        case let error as HTTPParserError:
            // The end of the stream reports a body that ends with its connection.
            guard phase == .open, error != .invalidEOFState || !timeouts.isReadingRequest else { return }
            report(error == .headerOverflow ? .headersTooLarge : .malformed, context)
        default:
            logger.debug("connection failed", metadata: ["cause": "\(error)"])
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            bridge.drain()
            if timeouts.isIdle, phase == .open { end(context) }
        case ChannelEvent.inputClosed:
            if phase == .lingering { context.close(promise: nil) }
            bridge.closeInput()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Queues a fault in place of a request, so that the task answers it.
    private func report(_ fault: HTTPError, _ context: ChannelHandlerContext) {
        if !timeouts.isReadingRequest { timeouts.headArrived(at: .now()) }
        phase = .faulted
        bridge.receive(.fault(fault))
        bridge.readCompleted()
    }
}

// MARK: - Out

extension HTTPConnectionHandler: ConnectionBridge.PipelineEnd {
    func write(_ part: OutboundPart) {
        guard let context else { return }
        switch part {
        case .response(let head, let body):
            context.write(wrapOutboundOut(head), promise: nil)
            if let body { context.write(wrapOutboundOut(body), promise: nil) }
            answered(context)
        case .head(let bytes), .chunk(let bytes):
            context.write(wrapOutboundOut(bytes), promise: nil)
        case .end:
            answered(context)
        case .switchProtocols(let head, let upgrade):
            context.writeAndFlush(wrapOutboundOut(head), promise: nil)
            switchToWebSocket(upgrade, context)
        case .frame:
            preconditionFailure("frames are written only after the protocol switch")
        }
    }

    func flush() { context?.flush() }

    func resumeReading() { context?.read() }

    func finish() {
        if let context, phase == .open || phase == .faulted { end(context) }
    }

    private func answered(_ context: ChannelHandlerContext) {
        timeouts.answered(at: .now())
        checkTimeouts(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if phase != .ending { timeouts.writeResumed(at: .now()) }
        } else {
            timeouts.writeStalled(at: .now(), bufferedBytes: bufferedBytes(context))
        }
        checkTimeouts(context)
        if context.channel.isWritable { bridge.becameWritable() }
    }

    private func switchToWebSocket(_ upgrade: WebSocketUpgrade, _ context: ChannelHandlerContext) {
        let webSocket = WebSocketHandler(bridge: bridge, upgrade: upgrade, limits: limits, logger: logger)
        do {
            let pipeline = context.pipeline.syncOperations
            let handlers: [any ChannelHandler] = [
                ByteToMessageHandler(
                    WebSocketFrameDecoder(maxFrameSize: limits.webSocketMessageBytes + HTTPLimits.deflateOverhead)),
                webSocket,
            ]
            try pipeline.addHandlers(handlers, position: .before(self))
            // One tick of the loop handles the frames of one read, and then those of other connections.
            let options = context.channel.syncOptions
            try options?.setOption(.maxMessagesPerRead, value: 1)
            try options?.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 64, initial: HTTPLimits.firstReadBytes / 2, maximum: HTTPLimits.webSocketReadBytes))
            // Removed before the decoder, which forwards its unread bytes on removal.
            pipeline.removeHandler(context: context, promise: nil)
            pipeline.removeHandler(decoder, promise: nil)
            webSocket.protocolSwitched()
        } catch {
            logger.debug("the protocol switch to WebSocket failed", metadata: ["cause": "\(error)"])
            webSocket.endService()
            context.close(promise: nil)
        }
    }
}

// MARK: - Time

extension HTTPConnectionHandler {
    private func checkTimeouts(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let buffered = timeouts.needsBufferedBytes ? bufferedBytes(context) : 0
        switch timeouts.verdict(at: now, bodyAwaitedSince: bridge.bodyAwaitedSince, bufferedBytes: buffered) {
        case .wait(until: nil): break
        case .wait(until: let deadline?): wake(at: deadline, context)
        case .close: context.close(promise: nil)
        case .requestTimeout where phase == .open: report(.timeout, context)
        case .requestTimeout: break
        }
    }

    private func wake(at deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let timer {
            guard deadline < timer.fires else { return }
            timer.scheduled.cancel()
        }
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.checkTimeouts(context)
        }
        timer = (deadline, scheduled)
    }

    private func bufferedBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}

// MARK: - End

extension HTTPConnectionHandler {
    /// Closes the connection once everything written is sent. Where the client is still sending, it is closed only when
    /// the client stops or a limit is reached: the kernel answers bytes for a closed socket with a reset, and the
    /// client would then lose the response that it has not read yet (RFC 9112 §9.6).
    private func end(_ context: ChannelHandlerContext) {
        phase = .ending
        timeouts.writeStalled(at: .now(), bufferedBytes: bufferedBytes(context))
        checkTimeouts(context)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            if self.bridge.isInputClosed || !self.timeouts.isReadingRequest {
                context.close(promise: nil)
            } else {
                self.linger(context)
            }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    private func linger(_ context: ChannelHandlerContext) {
        phase = .lingering
        timeouts.lingering(at: .now())
        checkTimeouts(context)
        context.close(mode: .output, promise: nil)
        context.read()
    }

    private func drop(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head: timeouts.headArrived(at: .now())
        case .body(let chunk): count(chunk.readableBytes, context)
        case .end:
            timeouts.requestEnded()
            if phase == .lingering { context.close(promise: nil) }
        }
    }

    private func count(_ bytes: Int, _ context: ChannelHandlerContext) {
        lingerBytes += bytes
        if lingerBytes > limits.lingerBytes { context.close(promise: nil) }
    }
}
