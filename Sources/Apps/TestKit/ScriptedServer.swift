import Base
package import NIOCore
import NIOPosix
import Synchronization

/// A TCP server that answers request heads with scripted bytes.
package final class ScriptedServer: Sendable {
    /// What happens after a request head was received.
    package enum Action: Sendable {
        case bytes(String)
        case bytesAndClose(String)
        case ignore
        case close
        /// These bytes, and then `x` again and again.
        case trickle(String, every: TimeAmount)
        /// The connection is closed after the first bytes, which need be no request.
        case closeAtOnce
    }

    private let channel: any Channel
    private let record: Record

    package var port: Int { channel.localAddress?.port ?? 0 }
    package var url: String { "http://127.0.0.1:\(port)/path" }
    /// The request heads, and the bodies as far as they arrived with them.
    package var requests: [String] { record.state.withLock { $0.requests } }
    /// Connections that have ended.
    package var closedCount: Int { record.state.withLock { $0.closed } }

    private init(_ channel: any Channel, _ record: Record) {
        self.channel = channel
        self.record = record
    }

    /// Runs `body` with a server, which is closed afterwards, also after an error.
    /// - Parameters:
    ///   - actions: of the requests in their order; the last one is also that of further requests.
    ///   - host: an address of this machine.
    package static func with(
        _ actions: Action..., host: String = "127.0.0.1", _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let record = Record(actions)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(RequestHandler(record))
                }
            }
            .bind(host: host, port: 0).get()
        let server = ScriptedServer(channel, record)
        try await attempt {
            try await body(server)
        } finally: {
            try? await channel.close()
        }
    }

    private final class Record: Sendable {
        struct State {
            var actions: [Action]
            var requests: [String] = []
            var closed = 0
        }

        let state: Mutex<State>

        init(_ actions: [Action]) { state = Mutex(State(actions: actions)) }

        var action: Action { state.withLock { $0.actions.first ?? .ignore } }

        func add(_ request: String) -> Action {
            state.withLock { state in
                state.requests.append(request)
                return state.actions.count > 1 ? state.actions.removeFirst() : state.actions.first ?? .ignore
            }
        }
    }

    private final class RequestHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let record: Record
        private var text = ""

        init(_ record: Record) { self.record = record }

        func channelInactive(context: ChannelHandlerContext) {
            record.state.withLock { $0.closed += 1 }
            context.fireChannelInactive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            if case .closeAtOnce = record.action {
            } else if !text.contains("\r\n\r\n") {
                return
            }
            let action = record.add(text)
            text = ""
            switch action {
            case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: bytes)), promise: nil)
            case .bytesAndClose(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: bytes)), promise: nil)
                context.close(promise: nil)
            case .ignore: break
            case .close, .closeAtOnce: context.close(promise: nil)
            case .trickle(let bytes, let interval):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: bytes)), promise: nil)
                let channel = context.channel
                context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { task in
                    guard channel.isActive else { return task.cancel() }
                    channel.writeAndFlush(ByteBuffer(string: "x"), promise: nil)
                }
            }
        }
    }
}
