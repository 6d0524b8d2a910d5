import MessagingRedis
import NIOCore
import NIOPosix
import Synchronization

/// Something that listens like Redis and answers as a test says: it can be as wrong as a real server is not.
final class FakeRedisServer: Sendable {
    /// What to do about a command that came in after the greeting.
    enum Move: Sendable {
        case answer(String)
        case silence
        case hangUp
    }

    /// One command that arrived, on which connection, from 0.
    struct Arrival: Sendable, Hashable {
        let connection: Int
        let command: [String]
    }

    private let channel: any Channel
    private let log = Mutex<[Arrival]>([])
    private let reads = Atomic(0)
    var port: Int { channel.localAddress?.port ?? 0 }
    var arrivals: [Arrival] { log.withLock { $0 } }
    /// How many reads it took to receive all commands.
    var readCount: Int { reads.load(ordering: .relaxed) }

    private init(_ channel: any Channel) { self.channel = channel }

    static func with(_ behaviour: @escaping @Sendable (Arrival) -> Move, _ body: (FakeRedisServer) async throws -> Void)
        async throws
    {
        let connections = Atomic2()
        let box = Mutex<FakeRedisServer?>(nil)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                let number = connections.next()
                return child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(
                        Conversation { command in
                            let arrival = Arrival(connection: number, command: command)
                            box.withLock { $0 }?.log.withLock { $0.append(arrival) }
                            return behaviour(arrival)
                        } onRead: {
                            _ = box.withLock { $0 }?.reads.wrappingAdd(1, ordering: .relaxed)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = FakeRedisServer(channel)
        box.withLock { $0 = server }
        do {
            try await body(server)
        } catch {
            try? await channel.close()
            throw error
        }
        try? await channel.close()
    }

    private final class Atomic2: Sendable {
        private let value = Atomic(0)
        func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var parser = RESPParser()
        private let decide: ([String]) -> Move
        private let onRead: () -> Void

        init(_ decide: @escaping ([String]) -> Move, onRead: @escaping () -> Void) {
            self.decide = decide
            self.onRead = onRead
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            parser.receive(&bytes)
            onRead()
            while let value = try? parser.next() {
                let command = value.array?.compactMap(\.text) ?? []
                switch command == ["PING"] ? .answer("+PONG\r\n") : decide(command) {
                case .answer(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                case .silence: break
                case .hangUp: return context.close(promise: nil)
                }
            }
        }
    }
}
