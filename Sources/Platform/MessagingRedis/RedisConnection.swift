import NIOCore
import NIOPosix
import TLS

/// One open connection: it writes bytes, parses replies and performs the handshake. It does not match replies to
/// commands.
///
/// `@unchecked Sendable` is sound because it is used on its event loop alone: it is created there, and its channel
/// calls it there.
final class RedisConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let settings: RedisSettings
    private var parser: RESPParser
    private var context: ChannelHandlerContext?
    /// Handshake steps without a reply; nil after the handshake.
    private var handshake: CircularBuffer<Step>?
    private let opened: EventLoopPromise<Void>
    private var hasEnded = false
    private var cause = "the server closed the connection"
    var onReply: ((RESPValue) -> Void)?
    /// Called at the end of each read.
    var onPause: (() -> Void)?
    var onEnd: ((String) -> Void)?

    /// A command of the handshake and its expected reply.
    private struct Step {
        let command: RedisCommand
        let expected: String
    }

    private init(_ settings: RedisSettings, opened: EventLoopPromise<Void>) {
        self.settings = settings
        self.opened = opened
        parser = RESPParser(limits: settings.limits)
    }

    /// Connects and performs the handshake.
    /// - Parameter loop: the current event loop; the connection is used on it alone.
    static func open(_ settings: RedisSettings, on loop: any EventLoop) -> EventLoopFuture<RedisConnection> {
        let opened = loop.makePromise(of: Void.self)
        let connection = RedisConnection(settings, opened: opened)
        let security: ClientTLS?
        do {
            security =
                try settings.address.usesTLS ? ClientTLS(authorities: settings.certificateAuthority) : nil
        } catch {
            opened.fail(RedisError.notConnected("TLS cannot be configured: \(error)"))
            return opened.futureResult.map { connection }
        }
        let host = settings.address.host
        let timeout = loop.scheduleTask(in: TimeAmount(settings.connectTimeout)) {
            connection.end(because: "no connection within \(settings.connectTimeout)")
        }
        ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(settings.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let security {
                        try channel.pipeline.syncOperations.addHandler(security.handler(for: host))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .connect(host: host, port: settings.address.port)
            .whenFailure { error in opened.fail(RedisError.notConnected("\(error)")) }
        return opened.futureResult.always { _ in timeout.cancel() }.map { connection }
    }

    func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Closes the connection and calls `onEnd` at once.
    func end(because reason: String) {
        cause = reason
        ended()
        context?.close(promise: nil)
    }

    private func ended() {
        guard !hasEnded else { return }
        hasEnded = true
        opened.fail(RedisError.notConnected(cause))
        onEnd?(cause)
        (onReply, onPause, onEnd) = (nil, nil, nil)
    }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard !hasEnded else { return context.close(promise: nil) }
        var steps = CircularBuffer<Step>()
        if let password = settings.address.password {
            steps.append(
                Step(
                    command: RedisCommand(["AUTH"] + (settings.address.user.map { [$0] } ?? []) + [password]),
                    expected: "OK"))
        }
        if settings.address.database != 0 {
            steps.append(Step(command: RedisCommand(["SELECT", String(settings.address.database)]), expected: "OK"))
        }
        steps.append(Step(command: RedisCommand(["PING"]), expected: "PONG"))
        var bytes = context.channel.allocator.buffer(capacity: 128)
        for step in steps { step.command.write(to: &bytes) }
        handshake = steps
        send(bytes)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        parser.receive(&bytes)
        do {
            while !hasEnded, let value = try parser.next() {
                if handshake == nil { onReply?(value) } else { receivedHandshakeReply(value) }
            }
        } catch {
            end(because: "protocol error: \(error)")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        onPause?()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(because: "\(error)") }

    private func receivedHandshakeReply(_ value: RESPValue) {
        guard let step = handshake?.popFirst() else { return end(because: "the server sent an unsolicited reply") }
        if case .error(let message) = value { return end(because: "the server refused: \(message)") }
        guard value == .simple(step.expected) else {
            return end(because: "the server sent an unexpected reply to the handshake")
        }
        if handshake?.isEmpty == true {
            handshake = nil
            opened.succeed()
        }
    }
}
