import Foundation
package import HTTPTypes
import HummingbirdCore
package import NIOCore
import NIOPosix
import ServiceLifecycle
package import TLS
package import Telemetry

/// Serves HTTP/1.1 on one port until graceful shutdown, and then completes the requests under way.
///
/// Handlers run on the event loop of their connection and must not block. Backpressure of the client suspends a handler
/// that streams.
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
    ///   - tls: encrypts every connection of the port; nil serves without TLS.
    ///   - proxies: their connections are not counted by network.
    ///   - malformed: answers input that is not a request; the connection is closed after the response.
    ///   - respond: answers one request. It is cancelled when the drain timeout aborts the server, not when its client
    ///     disconnects.
    ///   - onRunning: called once with the port that the server is bound to, 0 for a Unix socket.
    package init(
        host: String,
        port: Int,
        eventLoopGroup: (any EventLoopGroup)? = nil,
        limits: HTTPLimits = HTTPLimits(),
        tls: ServerTLS? = nil,
        proxies: TrustedProxies = .none,
        logger: Logger,
        malformed: @escaping @Sendable (HTTPError) -> Response,
        respond: @escaping @Sendable (IncomingRequest) async -> Response,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        address = host.hasPrefix("/") ? .unixDomainSocket(path: host) : .hostname(host, port: port)
        let limits = limits.bounded(byOpenFiles: Self.openFilesMax)
        group = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.limits = limits
        self.logger = logger
        self.onRunning = onRunning
        connections = HTTPConnections(
            limits: limits,
            tls: tls,
            executors: LoopExecutors(of: group),
            malformed: malformed,
            respond: respond,
            table: ConnectionTable(limits: limits, proxies: proxies),
            bodyMemory: BodyMemory(limits: limits)
        )
    }

    /// Serves until graceful shutdown, and then until the last request under way is answered. After
    /// `limits.drainTimeout` the remaining connections are closed and their handlers cancelled.
    /// - Throws: when the address cannot be bound.
    package func run() async throws {
        let server = Server(
            childChannelSetup: connections,
            configuration: ServerConfiguration(
                address: address,
                backlog: HTTPLimits.backlog
            ),
            onServerRunning: { channel in
                await acceptWholeBacklog(of: channel)
                await onRunning(channel.localAddress?.port ?? 0)
            },
            eventLoopGroup: group,
            logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { [connections] in
                try await withTaskCancellationHandler {
                    try await server.run()
                    await connections.sockets.waitForEnd()
                } onCancel: {
                    connections.sockets.abort()
                }
            }
            tasks.addTask { try await abortAfterDrain() }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// Lets one tick of the event loop accept all connections that wait. SwiftNIO accepts four and then serves the ones
    /// that are open: of 256 clients that connected to a busy loop at once, the last waited for 64 ticks.
    private func acceptWholeBacklog(of channel: any Channel) async {
        do {
            try await channel.setOption(.maxMessagesPerRead, value: UInt(HTTPLimits.backlog)).get()
        } catch {
            logger.debug("the option of the listening socket could not be set", metadata: ["cause": "\(error)"])
        }
    }

    /// Open connections, including WebSockets.
    package var openConnections: Int { connections.open.value + connections.sockets.count }

    /// How many files the process may open at once.
    private static var openFilesMax: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        return Int(clamping: limit.rlim_cur)
    }

    /// Bytes of ``HTTPLimits/bodyMemoryBytes`` that bodies under way take.
    package var reservedBodyBytes: Int { connections.bodyMemory.reservedBytes }

    private func abortAfterDrain() async throws {
        do {
            try await gracefulShutdown()
            try await Task.sleep(for: limits.drainTimeout)
            logger.warning("requests aborted: the drain timeout was exceeded")
        } catch is CancellationError {
            // The server ended before the timeout.
        }
    }
}

/// A parsed request head with its unread body.
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
