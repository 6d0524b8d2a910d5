import NIOCore
import NIOPosix
import TLS
import TestKit

/// A local port whose connections are passed on to a server by TLS, so that clients without TLS can use it.
final class TLSTunnel: Sendable {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let server: NIOAsyncChannel<Connection, Never>
    private let serverPort: Int
    private let trust: ClientTLS
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
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await tunnel.run() }
            defer { tasks.cancelAll() }
            try await body(tunnel)
        }
    }

    private init(to port: Int, trust: ClientTLS) async throws {
        serverPort = port
        self.trust = trust
        server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Self.connection(channel) }
            }
    }

    /// A connection through the tunnel.
    func client() throws -> RawClient { try RawClient(port: port) }

    var port: Int { server.channel.localAddress?.port ?? 0 }

    private static func connection(_ channel: any Channel) throws -> Connection {
        try Connection(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private func run() async throws {
        try await server.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { tasks in
                // A connection that fails ends, as its client sees.
                for try await client in clients { tasks.addTask { try? await self.serve(client) } }
            }
        }
    }

    private func serve(_ client: Connection) async throws {
        let (trust, isMute) = (trust, isMute)
        let server = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: serverPort) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(MuteHandler(isMute))
                    try pipeline.addHandler(trust.handler(for: "localhost"))
                    return try Self.connection(channel)
                }
            }
        try await client.executeThenClose { fromClient, toClient in
            try await server.executeThenClose { fromServer, toServer in
                async let sent: Void = Self.pass(fromClient, to: toServer)
                try await Self.pass(fromServer, to: toClient)
                properEnds.next()
                try await sent
            }
        }
    }

    private static func pass(
        _ source: NIOAsyncChannelInboundStream<ByteBuffer>, to target: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        for try await chunk in source { try await target.write(chunk) }
        target.finish()
    }
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
