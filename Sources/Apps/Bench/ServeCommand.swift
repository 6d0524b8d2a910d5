import ArgumentParser
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// One of the measured servers, in a process of its own. It writes its port to the file `port` in its folder.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "serve", shouldDisplay: false)

    enum Kind: String, CaseIterable, ExpressibleByArgument { case nio, hummingbird, gatehouse }

    @Argument var kind: Kind
    @Option var folder: String
    @Option var loops: Int
    @Option var bcryptRounds = 4
    @Option var database: String?
    @Flag var limitsRates = false
    /// The arguments of ``BenchProvider``: the system then accepts payments.
    @Option var provider: String?
    @Option var providerKey: String?
    @Option var webhookSecret: String?

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        switch kind {
        case .nio: try await serveNIO(on: group)
        case .hummingbird: try await serveHummingbird(on: group)
        case .gatehouse:
            let server = try await BenchServer(
                folder: folder, database: database, bcryptRounds: bcryptRounds, limitsRates: limitsRates,
                provider: BenchProvider(url: provider, key: providerKey, webhookSecret: webhookSecret))
            try await server.serve(on: group, onRunning: writePort)
        }
    }

    /// The baseline of HTTP alone.
    private func serveNIO(on group: MultiThreadedEventLoopGroup) async throws {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(HelloHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        writePort(channel.localAddress?.port ?? 0)
        try await channel.closeFuture.get()
    }

    /// The baseline of HTTP with a router, a request context and Swift concurrency.
    private func serveHummingbird(on group: MultiThreadedEventLoopGroup) async throws {
        let router = Router()
        router.get("hello") { _, _ in "Hello" }
        var logger = Logger(label: "hummingbird")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in writePort(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group),
            logger: logger
        )
        try await application.runService()
    }

    private func writePort(_ port: Int) {
        // Atomically, so that a waiting process never reads a part of it.
        try? "\(port)".write(toFile: "\(folder)/port", atomically: true, encoding: .utf8)
    }
}

private final class HelloHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let head = HTTPResponseHead(
            version: .http1_1, status: .ok,
            headers: ["Content-Type": "text/plain; charset=utf-8", "Content-Length": "5"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "Hello")))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
