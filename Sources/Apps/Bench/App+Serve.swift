import App
import Identity
import Modules
import NIOCore
import Realtime
import ServiceLifecycle
import UnixSignals

extension App {
    /// Serves, and runs jobs, until the process is stopped.
    /// - Parameters:
    ///   - connectionsMax: of all clients of a measurement, which have one address.
    ///   - onRunning: called once with the port of the listening socket.
    func serve(
        _ dispatcher: RequestDispatcher, connectionsMax: Int, on group: any EventLoopGroup,
        onRunning: @escaping @Sendable (Int) -> Void
    ) async throws {
        FreedMemory.keep()
        var limits = HTTPLimits()
        limits.connections = connectionsMax
        limits.connectionsPerNetwork = limits.connections
        limits.bodyMemoryBytesPerNetwork = limits.bodyMemoryBytes
        let server = HTTPServer(
            host: "127.0.0.1",
            port: 0,
            eventLoopGroup: group,
            limits: limits,
            logger: logger,
            malformed: { fault in dispatcher.refuse(fault.problem) },
            respond: { request in
                await dispatcher.respond(to: request.head, body: request.body, address: request.peerAddress)
            },
            onRunning: { port in onRunning(port) }
        )
        let services: [any Service] = [server, runner, realtime.refresher, realtime.drain] + identity.services
        try await ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
        await database.close()
    }
}
