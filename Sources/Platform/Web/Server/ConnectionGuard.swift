import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Telemetry

/// Stands between the HTTP codec and a connection's loop: translates, keeps the time, tells faults in their place in the stream,
/// and ends the connection so that the last answer is read.
///
/// It has one timer, which is moved only when it would fire too late.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPServerResponsePart

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
    private let pulse: ConnectionPulse
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let logger: Logger

    private var watch: ConnectionWatch
    private var phase = Phase.open
    private var isInputClosed = false
    private var sawPart = false
    private var lingerBytes = 0
    private var timer: (fires: NIODeadline, scheduled: Scheduled<Void>)?

    init(
        limits: HTTPLimits,
        pulse: ConnectionPulse,
        encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>,
        logger: Logger
    ) {
        self.limits = limits
        self.pulse = pulse
        self.encoder = encoder
        self.decoder = decoder
        self.logger = logger
        watch = ConnectionWatch(limits: limits, start: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) { keepTime(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        timer = nil
    }
}

// MARK: - In

extension ConnectionGuard {
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
            do throws(HTTPFault) {
                let head = try RequestHead(head, uriBytes: limits.uriBytes)
                context.fireChannelRead(wrapInboundOut(.head(head)))
                if head.hasBody { keepTime(context) }
            } catch {
                phase = .faulted
                context.fireChannelRead(wrapInboundOut(.fault(error)))
            }
        case .body(let piece):
            watch.pieceArrived(at: .now())
            context.fireChannelRead(wrapInboundOut(.body(piece)))
        case .end:
            watch.requestEnded()
            context.fireChannelRead(wrapInboundOut(.end))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, and made no part: they are the beginning of a head.
        if !sawPart, phase == .open {
            watch.headBegan(at: .now())
            keepTime(context)
        }
        sawPart = false
        context.fireChannelReadComplete()
        // The loop has stopped asking for more.
        if phase == .lingering { context.read() }
    }

    func read(context: ChannelHandlerContext) {
        if phase != .faulted { context.read() }
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
            context.fireUserInboundEventTriggered(event)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Has the loop answer for a request that will not become one.
    private func tell(_ fault: HTTPFault, _ context: ChannelHandlerContext) {
        if !watch.isReadingRequest { watch.headArrived(at: .now()) }
        phase = .faulted
        context.fireChannelRead(wrapInboundOut(.fault(fault)))
        context.fireChannelReadComplete()
    }
}

// MARK: - Out

extension ConnectionGuard {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .goAhead:
            context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: promise)
        case .reply(let head, let body):
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if let body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
            context.write(wrapOutboundOut(.end(nil)), promise: promise)
            answered(context)
        case .head(let head):
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .piece(let piece):
            context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: promise)
        case .end:
            context.write(wrapOutboundOut(.end(nil)), promise: promise)
            answered(context)
        case .switchProtocols(let head):
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: promise)
            switchToWebSocket(context)
        case .frame:
            preconditionFailure("frames are written after the protocols are switched")
        }
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
        context.fireChannelWritabilityChanged()
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
                WebSocketParts(endTime: TimeAmount(limits.writeStallTime), logger: logger),
            ]
            try pipeline.addHandlers(handlers, position: .before(self))
            pipeline.removeHandler(encoder, promise: nil)
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

extension ConnectionGuard {
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

extension ConnectionGuard {
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        // The loop has written its last answer.
        if phase == .open || phase == .faulted { end(context) }
        promise?.succeed()
    }

    /// Closes once everything written has left, and where the client is still sending, not before it stops: bytes that arrive at a
    /// closed socket are answered by a reset, which takes the answer away from a client that has not read it yet.
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
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: written)
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
