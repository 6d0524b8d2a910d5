import App
import Entitlements
import Foundation
import Identity
import Modules
import NIOCore
import ServiceLifecycle
import UnixSignals

/// The whole system as it is served to users, with two doors more: one whose handler does nothing but spend a unit of a quota, and one that takes the
/// longer way that work takes which ends later.
struct BenchServer {
    let app: App

    static let meter = Meter("processing", title: "Processing")
    static let plan = "unlimited"

    /// On SQLite in a folder. The plan has no limits, so that a limit is counted but never met.
    /// - Parameters:
    ///   - logLevel: at `info` every request writes its line.
    ///   - bcryptRounds: little by default, as accounts are made before anything is measured.
    init(folder: String, logLevel: Logger.Level = .info, bcryptRounds: Int = 4) async throws {
        let plans = "\(folder)/plans.yaml"
        try """
        plans:
          - id: \(Self.plan)
            name: Unlimited
            start: anyone
            features: [training]
            limits: { uploads: -1, processing: -1, training_runs: -1 }
            file_mb: 10
            storage_mb: -1
        """.write(toFile: plans, atomically: true, encoding: .utf8)
        var configuration = Configuration()
        configuration.limitsRates = false
        configuration.dataFolder = folder
        configuration.databaseURL = "sqlite:\(folder)/gatehouse.db"
        configuration.plansFile = plans
        configuration.accessTokenLifetime = .hours(12)
        configuration.bcryptRounds = bcryptRounds
        configuration.logLevel = logLevel
        app = try await buildApp(configuration)
    }

    /// The doors that are there for the measurement alone.
    var doors: [Route] {
        let (database, identity, entitlements) = (app.database, app.identity, app.entitlements)
        return [
            .post(
                "bench/spending",
                "Spend a unit of a quota",
                requires: identity.member, entitlements.subscription, entitlements.quota(Self.meter)
            ) { _, _, charge in
                let operation = Runtime.system.id(of: Charge.self).text
                try await database.write { try entitlements.quotas.spend(charge, operation: operation, in: $0) }
                return Receipt(operation: operation)
            },
            .post(
                "bench/reservation",
                "Reserve a unit of a quota and commit it",
                requires: identity.member, entitlements.subscription, entitlements.quota(Self.meter)
            ) { _, _, charge in
                let operation = Runtime.system.id(of: Charge.self).text
                try await database.write { transaction in
                    let reservation = try entitlements.quotas.reserve(
                        charge, operation: operation, fingerprint: operation, in: transaction)
                    try entitlements.quotas.commit(reservation, in: transaction)
                }
                return Receipt(operation: operation)
            },
        ]
    }

    var dispatcher: RequestDispatcher {
        RequestDispatcher(
            routes: app.routes + doors, corsOrigins: [], metrics: app.metrics, logger: app.logger, runtime: .system)
    }

    /// Serves until it is told to stop.
    func serve(on group: any EventLoopGroup, onRunning: @escaping @Sendable (Int) -> Void) async throws {
        FreedMemory.keep()
        let door = dispatcher
        let server = HTTPServer(
            host: "127.0.0.1",
            port: 0,
            eventLoopGroup: group,
            logger: app.logger,
            malformed: { fault in door.refuse(fault.problem) },
            respond: { request in await door.respond(to: request.head, body: request.body, address: request.peerAddress)
            },
            onRunning: { port in onRunning(port) }
        )
        let services: [any Service] = [server, app.runner] + app.identity.services
        try await ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: app.logger)
        ).run()
        await app.database.close()
    }
}

private struct Receipt: Payload {
    var operation: String
}
