package import HTTPTypes
import HummingbirdCore
package import NIOCore
import NIOPosix
import ServiceLifecycle
package import Telemetry

/// Serves HTTP/1.1 on one port until it is asked to stop, and then lets the requests under way finish.
///
/// Handlers run on the event loop of their connection, so that a streaming one stops where the client's reading stops;
/// nothing that blocks may run in them.
package struct HTTPServer: Service {
    private let address: BindAddress
    private let group: any EventLoopGroup
    private let limits: HTTPLimits
    private let connections: HTTPConnections
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - host: the name or address to listen on; one that begins with `/` is the path of a Unix socket.
    ///   - port: 0 lets the system choose.
    ///   - eventLoopGroup: the process-wide one unless given.
    ///   - upgrader: decides which requests become WebSockets; without one none does.
    ///   - malformed: answers what never became a request; the connection is closed after it.
    ///   - respond: answers one request. It is cancelled when the server is cut short, not when its client goes away.
    ///   - onRunning: called once with the port that the server is bound to, 0 for a Unix socket.
    package init(
        host: String,
        port: Int,
        eventLoopGroup: (any EventLoopGroup)? = nil,
        limits: HTTPLimits = HTTPLimits(),
        upgrader: (any WebSocketEndpoint)? = nil,
        logger: Logger,
        malformed: @escaping @Sendable (HTTPError) -> Response,
        respond: @escaping @Sendable (IncomingRequest) async -> Response,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        address = host.hasPrefix("/") ? .unixDomainSocket(path: host) : .hostname(host, port: port)
        group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.limits = limits
        self.logger = logger
        self.onRunning = onRunning
        connections = HTTPConnections(
            limits: limits,
            upgrader: upgrader,
            executors: LoopExecutors(of: group),
            malformed: malformed,
            respond: respond
        )
    }

    /// Serves until a graceful shutdown begins and the last request under way is answered, or until `limits.drainTime`
    /// later, when what is left is cut off and its handlers are cancelled.
    /// - Throws: what keeps the port from being bound.
    package func run() async throws {
        let server = Server(
            childChannelSetup: connections,
            configuration: ServerConfiguration(
                address: address,
                backlog: HTTPLimits.backlog,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)
            ),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
            eventLoopGroup: group,
            logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            tasks.addTask { try await drainIsOver() }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Connections being served at this moment, WebSockets among them.
    package var openConnections: Int { connections.open.value }

    private func drainIsOver() async throws {
        do {
            try await gracefulShutdown()
            try await Task.sleep(for: limits.drainTime)
            logger.warning("requests were still under way when the time to drain was over")
        } catch is CancellationError {
            // The server was done before.
        }
    }
}

/// A request as it came off the wire, its body not yet read.
package struct IncomingRequest: Sendable {
    package let head: HTTPRequest
    package let body: RequestBody
    /// The IP address of the other end of the connection, or `unix`.
    package let peerAddress: String

    package init(head: HTTPRequest, body: RequestBody, peerAddress: String) {
        self.head = head
        self.body = body
        self.peerAddress = peerAddress
    }
}
