import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Telemetry

/// Stands between the HTTP decoder and a connection's task: translates, keeps the time, tells faults in their place in
/// the stream, and ends the connection so that the last answer is read.
///
/// It has one timer, which is moved only when it would fire too late.
final class HTTPConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// What comes in is no longer understood; what is under way is still answered.
        case faulted
        /// The last answer is written but may not have left yet.
        case ending
        /// All is said; what the client still sends is dropped.
        case lingering
    }

    private let limits: HTTPLimits
    private let pulse: ConnectionState
    private let parts: ConnectionBridge
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let logger: Logger

    private var watch: ConnectionTimeouts
    private var phase = Phase.open
    private var isInputClosed = false
    private var sawPart = false
    private var lingerBytes = 0
    private var timer: (fires: NIODeadline, scheduled: Scheduled<Void>)?
    /// While this stands in the pipeline.
    private var context: ChannelHandlerContext?

    init(
        limits: HTTPLimits,
        pulse: ConnectionState,
        parts: ConnectionBridge,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>,
        logger: Logger
    ) {
        self.limits = limits
        self.pulse = pulse
        self.parts = parts
        self.decoder = decoder
        self.logger = logger
        watch = ConnectionTimeouts(limits: limits, start: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        parts.attach(self)
        keepTime(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        (timer, self.context) = (nil, nil)
        parts.detach(self)
    }
}

// MARK: - In

extension HTTPConnectionHandler {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        sawPart = true
        switch phase {
        case .open: understand(part, context)
        case .faulted: if case .end = part { watch.requestEnded() }
        case .ending, .lingering: drop(part, context)
        }
    }

    private func understand(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            watch.headArrived(at: .now())
            do throws(HTTPError) {
                let head = try RequestHead(head, uriBytes: limits.uriBytes)
                parts.arrived(.head(head))
                if head.hasBody { keepTime(context) }
            } catch {
                phase = .faulted
                parts.arrived(.fault(error))
            }
        case .body(let piece):
            watch.pieceArrived(at: .now())
            parts.arrived(.body(piece))
        case .end:
            watch.requestEnded()
            parts.arrived(.end)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, and made no part: they are the beginning of a head.
        if !sawPart, phase == .open {
            watch.headBegan(at: .now())
            keepTime(context)
        }
        sawPart = false
        parts.readIsComplete()
        // Nobody else asks for more.
        if phase == .lingering { context.read() }
    }

    func read(context: ChannelHandlerContext) {
        if phase != .faulted, parts.wantsMore() { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        parts.connectionIsOver()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case ByteToMessageDecoderError.dataReceivedInErrorState(_, let bytes):
            if phase == .lingering { count(bytes.readableBytes, context) }
        case let error as HTTPParserError:
            // A body that ends with its connection is told by the end of the stream.
            guard phase == .open, error != .invalidEOFState || !watch.isReadingRequest else { return }
            tell(error == .headerOverflow ? .headersTooLarge : .malformed, context)
        default:
            logger.debug("connection failed", metadata: ["cause": "\(error)"])
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            pulse.drain()
            if watch.isIdle, phase == .open { end(context) }
        case ChannelEvent.inputClosed:
            isInputClosed = true
            if phase == .lingering { context.close(promise: nil) }
            parts.inputIsOver()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Has the loop answer for a request that will not become one.
    private func tell(_ fault: HTTPError, _ context: ChannelHandlerContext) {
        if !watch.isReadingRequest { watch.headArrived(at: .now()) }
        phase = .faulted
        parts.arrived(.fault(fault))
        parts.readIsComplete()
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
        case .head(let bytes), .piece(let bytes):
            context.write(wrapOutboundOut(bytes), promise: nil)
        case .end:
            answered(context)
        case .switchProtocols(let head):
            context.writeAndFlush(wrapOutboundOut(head), promise: nil)
            switchToWebSocket(context)
        case .frame:
            preconditionFailure("frames are written after the protocols are switched")
        }
    }

    func flush() { context?.flush() }

    func readMore() { context?.read() }

    func finish() {
        // The task has written its last answer.
        if let context, phase == .open || phase == .faulted { end(context) }
    }

    private func answered(_ context: ChannelHandlerContext) {
        watch.answered(at: .now())
        keepTime(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if phase != .ending { watch.writeGoesOn(at: .now()) }
        } else {
            watch.writeWaits(at: .now(), bufferedBytes: bufferedBytes(context))
        }
        keepTime(context)
        if context.channel.isWritable { parts.hasRoom() }
    }

    private func switchToWebSocket(_ context: ChannelHandlerContext) {
        do {
            let pipeline = context.pipeline.syncOperations
            let handlers: [any ChannelHandler] = [
                WebSocketFrameEncoder(),
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limits.webSocketMessageBytes)),
                WebSocketProtocolErrorHandler(),
                NIOWebSocketFrameAggregator(
                    minNonFinalFragmentSize: 1,
                    maxAccumulatedFrameCount: 1_024,
                    maxAccumulatedFrameSize: limits.webSocketMessageBytes
                ),
                WebSocketParts(parts: parts, endTime: TimeAmount(limits.writeStallTime), logger: logger),
            ]
            try pipeline.addHandlers(handlers, position: .before(self))
            // Before the decoder, which hands on what it had already read when it goes.
            pipeline.removeHandler(context: context, promise: nil)
            pipeline.removeHandler(decoder, promise: nil)
        } catch {
            logger.debug("a connection could not become a WebSocket", metadata: ["cause": "\(error)"])
            context.close(promise: nil)
        }
    }
}

// MARK: - Time

extension HTTPConnectionHandler {
    private func keepTime(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let buffered = watch.needsBufferedBytes ? bufferedBytes(context) : 0
        switch watch.verdict(at: now, bodyAwaitedSince: pulse.waitingForBodySince, bufferedBytes: buffered) {
        case .fine(until: nil): break
        case .fine(until: let deadline?): wake(at: deadline, context)
        case .close: context.close(promise: nil)
        case .tooSlow where phase == .open: tell(.timeout, context)
        case .tooSlow: break
        }
    }

    private func wake(at deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let timer {
            guard deadline < timer.fires else { return }
            timer.scheduled.cancel()
        }
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.keepTime(context)
        }
        timer = (deadline, scheduled)
    }

    private func bufferedBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}

// MARK: - End

extension HTTPConnectionHandler {
    /// Closes once everything written has left, and where the client is still sending, not before it stops: bytes that
    /// arrive at a closed socket are answered by a reset, which takes the answer away from a client that has not read
    /// it yet.
    private func end(_ context: ChannelHandlerContext) {
        phase = .ending
        watch.writeWaits(at: .now(), bufferedBytes: bufferedBytes(context))
        keepTime(context)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess {
            if self.isInputClosed || !self.watch.isReadingRequest {
                context.close(promise: nil)
            } else {
                self.linger(context)
            }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    private func linger(_ context: ChannelHandlerContext) {
        phase = .lingering
        watch.lingers(at: .now())
        keepTime(context)
        context.close(mode: .output, promise: nil)
        context.read()
    }

    private func drop(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head: watch.headArrived(at: .now())
        case .body(let piece): count(piece.readableBytes, context)
        case .end:
            watch.requestEnded()
            if phase == .lingering { context.close(promise: nil) }
        }
    }

    private func count(_ bytes: Int, _ context: ChannelHandlerContext) {
        lingerBytes += bytes
        if lingerBytes > limits.lingerBytes { context.close(promise: nil) }
    }
}
