import NIOCore
import NIOPosix
import TLS
import TestKit

/// A local port whose connections are passed on to a server by TLS, so that clients without TLS can use it.
final class TLSTunnel: Sendable {
    private let channel: any Channel
    /// Connections that the server has ended with `close_notify`.
    let properEnds = Counter()
    /// Where it is set, what a connection sends afterwards is dropped, and so is its `close_notify`.
    let isMute = Flag()

    /// Runs `body` with a tunnel to a port of this machine.
    /// - Parameter authority: the path of the only certificate that is trusted; nil trusts any.
    static func with(
        _ port: Int, trusting authority: String? = nil, _ body: (TLSTunnel) async throws -> Void
    ) async throws {
        let tunnel = try await TLSTunnel(
            to: port, trust: authority.map { try ClientTLS(authorities: $0) } ?? ClientTLS.unverified())
        defer { tunnel.channel.close(promise: nil) }
        try await body(tunnel)
    }

    private init(to serverPort: Int, trust: ClientTLS) async throws {
        let (properEnds, isMute) = (properEnds, isMute)
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { client in
                let relay = NIOLoopBound(Relay(), eventLoop: client.eventLoop)
                return client.eventLoop.makeCompletedFuture {
                    try client.pipeline.syncOperations.addHandler(relay.value)
                }.flatMap {
                    ClientBootstrap(group: client.eventLoop)
                        .channelOption(.allowRemoteHalfClosure, value: true)
                        .channelInitializer { server in
                            server.eventLoop.makeCompletedFuture {
                                let pipeline = server.pipeline.syncOperations
                                try pipeline.addHandler(MuteHandler(isMute))
                                try pipeline.addHandler(trust.handler(for: "localhost"))
                                try pipeline.addHandler(Relay(to: relay.value) { properEnds.next() })
                            }
                        }
                        .connect(host: "127.0.0.1", port: serverPort)
                        .map { _ in }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { channel.localAddress?.port ?? 0 }

    /// A connection through the tunnel.
    func client() throws -> RawClient { try RawClient(port: port) }
}

/// The last handler of one side of a connection: it writes to the other side what it reads, while that can take it.
/// Both sides are on one event loop.
private final class Relay: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var other: Relay?
    private var context: ChannelHandlerContext?
    private var isReadPending = false
    private var hasFailed = false
    private let onProperEnd: () -> Void

    init() { onProperEnd = {} }

    /// - Parameter onProperEnd: called when this side has sent everything.
    init(to other: Relay, onProperEnd: @escaping () -> Void) {
        self.other = other
        self.onProperEnd = onProperEnd
        other.other = self
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context _: ChannelHandlerContext) { (context, other) = (nil, nil) }

    func channelRead(context _: ChannelHandlerContext, data: NIOAny) { other?.context?.write(data, promise: nil) }
    func channelReadComplete(context _: ChannelHandlerContext) { other?.context?.flush() }

    func read(context: ChannelHandlerContext) {
        isReadPending = other?.context?.channel.isWritable == false
        if !isReadPending { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let other, other.isReadPending else { return }
        other.isReadPending = false
        other.context?.read()
    }

    func userInboundEventTriggered(context _: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        if !hasFailed { onProperEnd() }
        other?.context?.close(mode: .output, promise: nil)
    }

    func channelInactive(context _: ChannelHandlerContext) { other?.context?.close(promise: nil) }
    /// Also the end of a connection without `close_notify`.
    func errorCaught(context _: ChannelHandlerContext, error _: any Error) { hasFailed = true }
}

/// Stands between the socket and TLS.
private final class MuteHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private let isMute: Flag

    init(_ isMute: Flag) { self.isMute = isMute }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isMute.isSet { promise?.succeed() } else { context.write(data, promise: promise) }
    }
}
