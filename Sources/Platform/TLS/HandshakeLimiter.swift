import NIOCore

/// Bounds the handshake of a connection in time and in bytes. It stands between the socket and the handler of TLS, and
/// leaves the pipeline when the handshake is complete.
///
/// A request without TLS is answered in plain text, so that its sender reads what is wrong.
final class HandshakeLimiter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let limits: HandshakeLimits
    private let plainResponse: () -> ByteBuffer?
    private let onFailure: (HandshakeFailure) -> Void

    private var bytes = 0
    /// The handshake is complete, or has failed.
    private var hasEnded = false
    private var timer: NIOScheduledCallback?
    /// Non-nil while the handler is in the pipeline.
    private var context: ChannelHandlerContext?

    /// - Parameters:
    ///   - plainResponse: the response to a request without TLS.
    ///   - onFailure: called once, where a client has begun a handshake that does not complete.
    init(
        limits: HandshakeLimits, plainResponse: @escaping () -> ByteBuffer?,
        onFailure: @escaping (HandshakeFailure) -> Void
    ) {
        self.limits = limits
        self.plainResponse = plainResponse
        self.onFailure = onFailure
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = try? context.eventLoop.assumeIsolated().scheduleCallback(
            in: TimeAmount(limits.timeout), handler: self)
    }

    func handlerRemoved(context _: ChannelHandlerContext) {
        stopTimer()
        context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Nothing is read any more; the connection is being closed.
        guard !hasEnded else { return }
        let chunk = unwrapInboundIn(data)
        if bytes == 0, let first = chunk.getInteger(at: chunk.readerIndex, as: UInt8.self), Self.beginsHTTP(first) {
            bytes = chunk.readableBytes
            return answerInPlainText(context)
        }
        // The last read of a handshake may hold requests too, so it is compared without that read.
        guard bytes <= limits.bytes else { return end(.tooManyBytes, context) }
        bytes += chunk.readableBytes
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A graceful shutdown does not wait for handshakes.
        if event is ChannelShouldQuiesceEvent, !hasEnded { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    /// The handshake is complete.
    func completed() {
        guard !hasEnded, let context else { return }
        hasEnded = true
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    /// The handler of TLS has failed before the end of the handshake, and closes the connection.
    func failed() {
        guard !hasEnded else { return }
        hasEnded = true
        stopTimer()
        report(.refused)
    }

    private func end(_ failure: HandshakeFailure, _ context: ChannelHandlerContext) {
        hasEnded = true
        stopTimer()
        report(failure)
        context.close(promise: nil)
    }

    private func report(_ failure: HandshakeFailure) {
        // Checks of a port connect and send nothing.
        if bytes > 0 { onFailure(failure) }
    }

    private func answerInPlainText(_ context: ChannelHandlerContext) {
        guard let response = plainResponse() else { return end(.plainHTTP, context) }
        hasEnded = true
        report(.plainHTTP)
        let channel = context.channel
        // The timer runs on: it closes the connection of a client that does not read.
        context.writeAndFlush(wrapOutboundOut(response)).whenComplete { _ in channel.close(promise: nil) }
    }

    private func stopTimer() {
        timer?.cancel()
        timer = nil
    }

    /// A method begins with A to Z, a record of TLS with its type, 22.
    private static func beginsHTTP(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}

extension HandshakeLimiter: NIOScheduledCallbackHandler {
    func handleScheduledCallback(eventLoop _: some EventLoop) {
        timer = nil
        guard let context else { return }
        if hasEnded { context.close(promise: nil) } else { end(.timeout, context) }
    }
}
