import Audit
import Entitlements
import Foundation
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
        try await beginLife(as: "serve")
        // What stands first stops last: the server's last calls may still want units.
        var services: [any Service] =
            [entitlements.escrow.refresher(logger: logger), server(onRunning: onRunning), entitlements.plans]
            + identity.services
        if configuration.jobSlots > 0 { services.append(runner) } else { queue.connect(to: database) }
        if let shared = limits.shared { services.append(shared) }
        try await run(services, stopOnSignals: stopOnSignals)
    }

    /// Runs jobs alone until the process is told to stop. What it keeps in memory and others may change it follows as a server does: jobs go by
    /// plans, and mail links are signed.
    package func work(stopOnSignals: Bool = true) async throws {
        try await beginLife(as: "work")
        try await run(
            [entitlements.escrow.refresher(logger: logger), entitlements.plans] + identity.services + [runner],
            stopOnSignals: stopOnSignals)
    }

    /// What earlier lives of this process left behind is resolved before it serves.
    /// - Parameter role: two processes of one installation differ in it.
    private func beginLife(as role: String) async throws {
        let name = "\(nodeName(role))/\(role)"
        let orphans = try await entitlements.recovery.startNode(as: name)
        if orphans > 0 {
            logger.notice(
                "reservations of a process that died were resolved",
                metadata: ["count": "\(orphans)", "node": "\(name)"])
        }
    }

    /// A file has one server, and nobody else on a machine listens on the same port. Where neither tells one life from another, leases alone
    /// end what was left behind.
    private func nodeName(_ role: String) -> String {
        if let name = configuration.nodeName { return name }
        if role == "serve", database.dialect == .sqlite { return "local" }
        let place = role == "serve" && configuration.port != 0 ? "\(configuration.port)" : UUID().uuidString
        return "\(ProcessInfo.processInfo.hostName):\(place)"
    }

    private func run(_ services: [any Service], stopOnSignals: Bool) async throws {
        FreedMemory.keep()
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: stopOnSignals ? [.sigterm, .sigint] : [], logger: logger)
        )
        do {
            try await audit.configuration.recordChanges(configuration.given)
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
            malformed: { fault in dispatcher.refuse(fault.problem) },
            respond: { request in
                await dispatcher.respond(to: request.head, body: request.body, address: request.peerAddress)
            },
            onRunning: onRunning
        )
    }
}
