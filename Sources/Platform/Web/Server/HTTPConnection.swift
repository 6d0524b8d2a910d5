import Base
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Synchronization
import Telemetry

/// How each accepted connection is set up and served.
struct HTTPConnections: ServerChildChannel {
    let limits: HTTPLimits
    let upgrader: (any WebSocketEndpoint)?
    let executors: LoopExecutors
    let malformed: @Sendable (HTTPError) -> Response
    let respond: @Sendable (IncomingRequest) async -> Response
    let open = ConnectionCount()

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTPConnection> {
        channel.eventLoop.makeCompletedFuture {
            let pulse = ConnectionState()
            let parts = ConnectionBridge(channel: channel, executor: executors[channel.eventLoop])
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = limits.headerListBytes
            decoderLimits.maxHeaderListSize = limits.headerListBytes
            decoderLimits.maxHeaderFieldCount = limits.headerCount
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: decoderLimits))
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(decoder)
            try pipeline.addHandler(
                HTTPConnectionHandler(limits: limits, pulse: pulse, parts: parts, decoder: decoder, logger: logger))
            return HTTPConnection(
                channel: channel,
                parts: parts,
                peerAddress: Self.name(channel.remoteAddress),
                pulse: pulse
            )
        }
    }

    func handle(value connection: HTTPConnection, logger: Logger) async {
        open.opened()
        defer { open.closed() }
        await withTaskExecutorPreference(executors[connection.channel.eventLoop]) {
            await connection.serve(as: self, logger: logger)
        }
    }

    /// The IP address without its port; one of IPv4 that came through an IPv6 socket in its own spelling.
    private static func name(_ address: SocketAddress?) -> String {
        guard let name = address?.ipAddress else { return "unix" }
        return name.hasPrefix("::ffff:") && name.contains(".") ? String(name.dropFirst(7)) : name
    }
}

final class ConnectionCount: Sendable {
    private let open = Atomic(0)

    var value: Int { open.load(ordering: .relaxed) }
    func opened() { open.add(1, ordering: .relaxed) }
    func closed() { open.subtract(1, ordering: .relaxed) }
}

/// One connection: requests in the order they came, each answered before the next is looked at.
struct HTTPConnection: ServerChildChannelValue {
    let channel: any Channel
    let parts: ConnectionBridge
    let peerAddress: String
    let pulse: ConnectionState

    fileprivate func serve(as server: HTTPConnections, logger: Logger) async {
        await withTaskCancellationHandler {
            do {
                try await RequestLoop(connection: self, server: server, parts: parts, logger: logger).run()
                // The guard closes the connection when the client has what was written and has stopped sending.
                parts.finish()
            } catch {
                logger.debug("connection ended", metadata: ["cause": "\(error)", "peer": "\(peerAddress)"])
                parts.breakOff()
            }
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

private struct RequestLoop: Sendable {
    let connection: HTTPConnection
    let server: HTTPConnections
    let parts: ConnectionBridge
    let logger: Logger

    /// Returns when the connection has served its purpose.
    /// - Throws: when it broke.
    func run() async throws {
        while let part = try await parts.nextOfConnection() {
            switch part {
            case .head(let head):
                guard try await serve(head) else { return }
            case .fault(let fault):
                return try await write(server.malformed(fault), to: nil, keepsAlive: false)
            case .body, .end, .frame:
                // A request begins with its head. Whatever this is, it is not worth the other connections.
                return logger.error(
                    "a connection lost its place and was closed", metadata: ["peer": "\(connection.peerAddress)"])
            }
        }
    }

    /// - Returns: false when that was the connection's last request.
    private func serve(_ head: RequestHead) async throws -> Bool {
        let body = head.hasBody ? IncomingBody(head, parts: parts, pulse: connection.pulse) : nil
        if body == nil { guard case .end = try await parts.nextOfConnection() else { return false } }
        let request = IncomingRequest(
            head: head.request,
            body: body.map { RequestBody($0, announcedSize: head.announcedSize) } ?? .empty,
            peerAddress: connection.peerAddress
        )
        if let upgrader = server.upgrader, body == nil,
            let answer = await WebSocketHandshake.answer(request, by: upgrader, on: connection.channel)
        {
            try await parts.write(.switchProtocols(ByteBuffer(headOf: .switchingProtocols, answer)))
            await upgrader.handle(WebSocketChannel(parts: parts), request)
            return false
        }

        var response = await server.respond(request)
        let rest = body?.finish() ?? .nothing
        if case .fault(let fault) = rest { response = server.malformed(fault) }
        let keepsAlive =
            head.keepsAlive && !connection.pulse.isDraining && rest.canBeDropped(upTo: server.limits.unreadBodyBytes)
            && !response.asksToClose && !(response.contentLength == nil && head.isVersion10)
        try await write(response, to: head, keepsAlive: keepsAlive)
        guard keepsAlive else { return false }
        return try await body?.drop(upTo: server.limits.unreadBodyBytes) ?? true
    }

    private func write(_ response: Response, to head: RequestHead?, keepsAlive: Bool) async throws {
        try await ResponseWriter(parts: parts, malformed: server.malformed, logger: logger).write(
            response, to: head, keepsAlive: keepsAlive)
    }
}

extension Response {
    fileprivate var asksToClose: Bool { headers.value(of: .connection)?.lowercased() == "close" }
}
