import Assistant
import Audit
import CommandSandbox
import Entitlements
import Foundation
import Identity
import Modules
import Realtime
import ServiceLifecycle
import TLS
import UnixSignals

extension App {
    /// Serves HTTP, and runs jobs unless `jobSlots` is 0, until the process is stopped.
    /// - Parameters:
    ///   - stopOnSignals: whether SIGTERM and SIGINT begin a graceful shutdown.
    ///   - onRunning: called once with the port of the listening socket.
    package func serve(
        stopOnSignals: Bool = true,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        let tls = try serverTLS()
        if configuration.jobSlots > 0 || configuration.toolServerFolder != nil { try await checkCommands() }
        try await resolveEarlierReservations(as: "serve")
        await warnOfOtherNodes()
        let server = DelayedShutdown(
            service: ConcurrentServices(services: [server(with: tls, onRunning: onRunning), realtime.drain]),
            delay: configuration.drainGrace, logger: logger)
        var foreground: [any Service] = [server]
        if configuration.jobSlots > 0 { foreground.append(runner) } else { queue.connect(to: database) }
        let reloads = stopOnSignals ? await reloads(of: tls) : nil
        defer { reloads?.cancel() }
        try await run(foreground, stopOnSignals: stopOnSignals)
    }

    /// Nil without `TLS_CERT`.
    /// - Throws: ``ConfigurationFaults``.
    private func serverTLS() throws -> ServerTLS? {
        guard let files = configuration.certificateFiles else { return nil }
        do throws(CertificateFault) {
            return try ServerTLS(files, metrics: metrics, logger: logger, now: runtime.now)
        } catch {
            throw ConfigurationFaults(error)
        }
    }

    /// Reads the certificate again at each SIGHUP. Without TLS the signal of `systemctl reload` has no effect, and that
    /// of a terminal that closes ends the process, as it does any command.
    private func reloads(of tls: ServerTLS?) async -> Task<Void, Never>? {
        guard tls != nil || !LogOutput.isTerminal else { return nil }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        return Task { [logger] in
            for await _ in signals {
                if let tls {
                    await tls.reload()
                } else {
                    logger.notice("SIGHUP has no effect: TLS_CERT is not set, and other settings need a restart")
                }
            }
        }
    }

    /// Runs jobs without serving HTTP until the process is stopped. It refreshes plans and signing keys as a server
    /// does: jobs apply plans, and links in e-mails are signed.
    package func work(stopOnSignals: Bool = true) async throws {
        try await checkCommands()
        try await resolveEarlierReservations(as: "work")
        try await run([runner], stopOnSignals: stopOnSignals)
    }

    /// - Throws: ``ConfigurationFaults`` where commands or tool servers are to run and this system has no sandbox for
    ///   them.
    private func checkCommands() async throws {
        guard let commands else { return }
        do throws(CommandSandboxError) { try await commands.check() } catch {
            let name = configuration.runsWorkflowCommands ? "WORKFLOW_COMMANDS" : "MCP_CONFIG_DIR"
            throw ConfigurationFaults(faults: ["\(name): \(error)"])
        }
    }

    /// Tokens name this service's URL as their issuer. Without `BASE_URL` each node assumes its own address.
    private func warnOfOtherNodes() async {
        guard configuration.baseURL.isEmpty, let others = try? await database.otherProcesses(), others > 0 else {
            return
        }
        logger.warning(
            """
            other nodes use this database and BASE_URL is not set: a node whose address differs refuses the tokens of \
            this one. Set BASE_URL to the same URL on each.
            """,
            metadata: ["nodes": .stringConvertible(others)])
    }

    /// Resolves the reservations of earlier runs of this process before it serves.
    /// - Parameter role: distinguishes two processes of one machine.
    private func resolveEarlierReservations(as role: String) async throws {
        let name = "\(nodeName(role))/\(role)"
        let settled = try await entitlements.recovery.startNode(as: name)
        if settled > 0 {
            logger.notice(
                "settled the reservations of an earlier run",
                metadata: ["count": "\(settled)", "node": "\(name)"])
        }
    }

    /// A name that is the same after a restart where possible: an SQLite file has one server, and a port of a machine
    /// has one listener. Otherwise it is random, and the reservations of an earlier run end with their leases.
    private func nodeName(_ role: String) -> String {
        if let name = configuration.nodeName { return name }
        if role == "serve", database.dialect == .sqlite { return "local" }
        let port = role == "serve" && configuration.port != 0 ? "\(configuration.port)" : UUID().uuidString
        return "\(ProcessInfo.processInfo.hostName):\(port)"
    }

    /// - Parameter foreground: services that stop first, side by side.
    private func run(_ foreground: [any Service], stopOnSignals: Bool) async throws {
        FreedMemory.keep()
        logger.info(
            "sandbox jobs",
            metadata: [
                "expire": "every \(configuration.sandboxExpiryInterval.components.seconds / 60) min",
                "count": "every \(configuration.sandboxCountInterval.components.seconds / 60) min",
                "archive": "at \(configuration.experimentArchiveCron) UTC",
            ])
        if !configuration.ignoredNames.isEmpty {
            logger.warning(
                "settings without a meaning here are ignored",
                metadata: ["names": "\(configuration.ignoredNames.joined(separator: ", "))"])
        }
        // Services stop in reverse order: the spans of all others are sent last, and the server's last requests may
        // still draw units of escrow blocks.
        var services: [any Service] = traces.map { [$0.exporter] } ?? []
        services +=
            [monitor, entitlements.escrow.refresher(logger: logger), entitlements.plans, realtime.refresher]
            + identity.services
        if let shared = limits.shared { services.append(shared) }
        if let topicSignals { services.append(topicSignals) }
        services.append(ConcurrentServices(services: foreground))
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .named($0) }, gracefulShutdownSignals: [], logger: logger))
        let signals =
            stopOnSignals
            ? Task { [shutdown, configuration, logger] in
                await shutdown.follow(signalsOf: group, timeout: configuration.shutdownTimeout, logger: logger)
            } : nil
        let release = Task {
            try await Task.sleep(for: Self.startTime)
            FreedMemory.releaseStart()
        }
        defer {
            shutdown.end()
            signals?.cancel()
            release.cancel()
        }
        try await attempt {
            try await audit.configuration.recordChanges(configuration.given)
            try await group.run()
        } finally: {
            await assistant.endTurns()
            await close()
        }
    }

    /// After it, the services of the process have started.
    private static let startTime = Duration.seconds(1)

    private var httpLimits: HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionsPerNetwork = configuration.connectionsPerNetwork
        limits.drainTimeout = max(
            .zero, configuration.shutdownTimeout - configuration.drainGrace - Configuration.shutdownReserve)
        return limits
    }

    private func server(with tls: ServerTLS?, onRunning: @escaping @Sendable (Int) async -> Void) -> HTTPServer {
        HTTPServer(
            host: configuration.host,
            port: configuration.port,
            limits: httpLimits,
            tls: tls,
            proxies: TrustedProxies(configuration.trustedProxies) ?? .none,
            logger: logger,
            malformed: { [dispatcher] fault in dispatcher.refuse(fault.problem) },
            respond: { [dispatcher] request in
                await dispatcher.respond(to: request.head, body: request.body, address: request.peerAddress)
            },
            onRunning: onRunning
        )
    }
}

extension ServiceGroupConfiguration.ServiceConfiguration {
    /// A service under the name of its type. By default the name is a description of everything that the service
    /// refers to: it took a tenth of the start, and log lines contain it.
    static func named(_ service: any Service) -> Self {
        Self(service: service, serviceName: String(describing: type(of: service)))
    }
}
