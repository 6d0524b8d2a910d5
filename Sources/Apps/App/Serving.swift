import Audit
import Entitlements
import Identity
import Modules
import ServiceLifecycle
import UnixSignals

extension App {
    /// Answers HTTP, and runs jobs beside it unless the configuration leaves them to others, until the process is told to stop.
    /// - Parameter onRunning: called once with the port that is listened on.
    package func serve(
        stopOnSignals: Bool = true,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        var services: [any Service] = [server(onRunning: onRunning), entitlements.plans] + identity.services
        if configuration.jobSlots > 0 { services.append(runner) }
        if let shared = limits.shared { services.append(shared) }
        try await run(services, stopOnSignals: stopOnSignals)
    }

    /// Runs jobs alone until the process is told to stop.
    package func work() async throws { try await run([runner], stopOnSignals: true) }

    private func run(_ services: [any Service], stopOnSignals: Bool) async throws {
        let group = ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: stopOnSignals ? [.sigterm, .sigint] : [], logger: logger)
        )
        do {
            try await audit.noteConfiguration(configuration.given)
            try await group.run()
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func server(onRunning: @escaping @Sendable (Int) async -> Void) -> HTTPServer {
        HTTPServer(
            host: configuration.host,
            port: configuration.port,
            logger: logger,
            malformed: { fault in frontDoor.refuse(fault.problem) },
            respond: { request in await frontDoor.respond(to: request.head, body: request.body, address: request.peerAddress) },
            onRunning: onRunning
        )
    }
}
