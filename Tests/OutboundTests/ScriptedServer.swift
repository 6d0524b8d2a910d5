import Base
import NIOCore
import NIOPosix
import Synchronization

/// A TCP server that answers every request head with the same bytes.
final class ScriptedServer: Sendable {
    /// What happens after a request head was received.
    enum Action: Sendable {
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
    private let received = Mutex<[String]>([])

    var port: Int { channel.localAddress?.port ?? 0 }
    var url: String { "http://127.0.0.1:\(port)/path" }
    /// The request heads, and the bodies as far as they arrived with them.
    var requests: [String] { received.withLock { $0 } }

    private init(_ channel: any Channel) { self.channel = channel }

    /// Runs `body` with a server, which is closed afterwards, also after an error.
    /// - Parameter host: an address of this machine.
    static func with(_ action: Action, host: String = "127.0.0.1", _ body: (ScriptedServer) async throws -> Void)
        async throws
    {
        let box = Mutex<ScriptedServer?>(nil)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(
                        RequestHandler(action) { request in
                            box.withLock { $0 }?.received.withLock { $0.append(request) }
                        })
                }
            }
            .bind(host: host, port: 0).get()
        let server = ScriptedServer(channel)
        box.withLock { $0 = server }
        try await attempt {
            try await body(server)
        } finally: {
            try? await channel.close()
        }
    }

    private final class RequestHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let action: Action
        private let onRequest: (String) -> Void
        private var text = ""

        init(_ action: Action, onRequest: @escaping (String) -> Void) {
            self.action = action
            self.onRequest = onRequest
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            if case .closeAtOnce = action {
            } else if !text.contains("\r\n\r\n") {
                return
            }
            onRequest(text)
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
