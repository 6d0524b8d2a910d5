import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Synchronization
import TLS
import Telemetry

/// Sets up the pipeline of each accepted connection and serves it.
struct HTTPConnections: ServerChildChannel {
    let limits: HTTPLimits
    /// Nil for a port without TLS.
    let tls: ServerTLS?
    let executors: LoopExecutors
    let malformed: @Sendable (HTTPError) -> Response
    let respond: @Sendable (IncomingRequest) async -> Response
    let table: ConnectionTable
    let bodyMemory: BodyMemory
    let open = ConnectionCount()
    /// The WebSockets that no task serves.
    let sockets = OpenWebSockets()

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTPConnection> {
        channel.eventLoop.makeCompletedFuture {
            let peer = Self.name(channel.remoteAddress)
            let network = table.network(of: peer)
            let isRestricted = table.add(channel, from: network)
            var limits = limits
            if isRestricted { limits.restrict() }
            let bridge = ConnectionBridge(channel: channel, executor: executors[channel.eventLoop])
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = limits.headerListBytes
            decoderLimits.maxHeaderListSize = limits.headerListBytes
            decoderLimits.maxHeaderFieldCount = limits.headerCount
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: decoderLimits))
            try channel.syncOptions?.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 64, initial: HTTPLimits.firstReadBytes, maximum: HTTPLimits.readBytesMax))
            let pipeline = channel.pipeline.syncOperations
            if let tls {
                try tls.addHandlers(to: pipeline, within: limits.handshake) {
                    plainResponse(on: bridge, logger: logger)
                }
            }
            try pipeline.addHandler(decoder)
            try pipeline.addHandler(
                HTTPConnectionHandler(
                    limits: limits, bridge: bridge, decoder: decoder, isSecure: tls != nil, logger: logger))
            return HTTPConnection(bridge: bridge, peerAddress: peer, network: network, isRestricted: isRestricted)
        }
    }

    func handle(value connection: HTTPConnection, logger: Logger) async {
        open.opened()
        defer { open.closed() }
        await withTaskExecutorPreference(executors[connection.channel.eventLoop]) {
            await connection.serve(as: self, logger: logger)
        }
    }

    /// The response to a request without TLS, where TLS is served.
    private func plainResponse(on bridge: ConnectionBridge, logger: Logger) -> ByteBuffer? {
        var response = malformed(.withoutTLS)
        // RFC 6797, section 7.2: not without TLS.
        response.headers[.strictTransportSecurity] = nil
        return ResponseWriter(bridge: bridge, malformed: malformed, logger: logger).buffer(
            of: response, to: nil, keepsAlive: false)
    }

    /// The IP address without its port, `unix` for a Unix socket. An IPv4-mapped IPv6 address is written as the IPv4
    /// address.
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

extension HTTPRequest {
    /// Whether it asks for the liveness of the process, which is answered beyond all limits of connections.
    var isHealthCheck: Bool { path?.prefix { $0 != "?" } == "/health" }
}
