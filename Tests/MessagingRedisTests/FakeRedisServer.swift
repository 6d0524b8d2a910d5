import Base
import MessagingRedis
import NIOCore
import NIOPosix
import Synchronization

/// A TCP server that accepts the Redis handshake and then acts as the test defines, protocol violations included.
final class FakeRedisServer: Sendable {
    /// The reaction to a command after the handshake.
    enum Action: Sendable {
        case reply(String)
        case ignore
        case close
    }

    /// A received command, and the number of its connection, from 0.
    struct ReceivedCommand: Sendable, Hashable {
        let connection: Int
        let command: [String]
    }

    private let channel: any Channel
    private let received = Mutex<[ReceivedCommand]>([])
    private let reads = Atomic(0)
    var port: Int { channel.localAddress?.port ?? 0 }
    var commands: [ReceivedCommand] { received.withLock { $0 } }
    /// The number of reads in which all commands were received.
    var readCount: Int { reads.load(ordering: .relaxed) }

    private init(_ channel: any Channel) { self.channel = channel }

    static func with(
        _ action: @escaping @Sendable (ReceivedCommand) -> Action, _ body: (FakeRedisServer) async throws -> Void
    )
        async throws
    {
        let connections = ConnectionCounter()
        let box = Mutex<FakeRedisServer?>(nil)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                let number = connections.next()
                return child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(
                        CommandHandler { command in
                            let receivedCommand = ReceivedCommand(connection: number, command: command)
                            box.withLock { $0 }?.received.withLock { $0.append(receivedCommand) }
                            return action(receivedCommand)
                        } onRead: {
                            _ = box.withLock { $0 }?.reads.wrappingAdd(1, ordering: .relaxed)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = FakeRedisServer(channel)
        box.withLock { $0 = server }
        try await attempt {
            try await body(server)
        } finally: {
            try? await channel.close()
        }
    }

    private final class ConnectionCounter: Sendable {
        private let value = Atomic(0)
        func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    private final class CommandHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var parser = RESPParser()
        private let decide: ([String]) -> Action
        private let onRead: () -> Void

        init(_ decide: @escaping ([String]) -> Action, onRead: @escaping () -> Void) {
            self.decide = decide
            self.onRead = onRead
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            parser.receive(&bytes)
            onRead()
            while let value = try? parser.next() {
                let command = value.array?.compactMap(\.text) ?? []
                switch command == ["PING"] ? .reply("+PONG\r\n") : decide(command) {
                case .reply(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                case .ignore: break
                case .close: return context.close(promise: nil)
                }
            }
        }
    }
}
