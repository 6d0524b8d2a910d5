import App
import CAllocations
import Entitlements
import Foundation
import Identity
import Modules
import NIOCore
import Realtime

/// The system as it is served to clients, with additional endpoints: one passes the whole gate, two spend a unit of a
/// quota, one reserves and commits it as an operation with a later end does, two append messages to topics, and one
/// counts memory allocations.
struct BenchServer {
    let app: App
    private let topics: BenchTopics

    static let meter = Meter("processing", title: "Processing")
    static let plan = "unlimited"

    /// A system with a plan of unlimited quotas, so that usage is counted and never refused.
    /// - Parameters:
    ///   - folder: of all files.
    ///   - database: the value of `DATABASE_URL`; SQLite in the folder by default.
    ///   - logLevel: at `info` every request writes a line.
    ///   - bcryptRounds: low by default, because accounts are registered before a measurement.
    ///   - limitsRates: whether rates are counted; no request of a measurement exceeds them.
    ///   - provider: of payments.
    init(
        folder: String, database: String? = nil, logLevel: Logger.Level = .info, bcryptRounds: Int = 4,
        limitsRates: Bool = false, provider: BenchProvider? = nil
    ) async throws {
        let plans = Self.plans(in: folder)
        try """
        plans:
          - id: \(Self.plan)
            name: Unlimited
            start: anyone
            features: [training]
            limits: { uploads: -1, processing: -1, training_runs: -1 }
            file_mb: 10
            storage_mb: -1
            rates: { default: [\(Self.rateMax)/minute], checks: [\(Self.rateMax)/minute] }
        """.write(toFile: plans, atomically: true, encoding: .utf8)
        var configuration = Configuration()
        configuration.limitsRates = limitsRates
        configuration.anonymousRequests = Self.rateMax
        configuration.authenticationRequests = Self.rateMax
        configuration.dataFolder = folder
        configuration.databaseURL = database ?? "sqlite:\(folder)/gatehouse.db"
        configuration.plansFile = plans
        configuration.accessTokenLifetime = .hours(12)
        configuration.bcryptRounds = bcryptRounds
        configuration.subscriptionsPerCaller = Self.connectionsMax
        configuration.logLevel = logLevel
        provider?.configure(&configuration)
        app = try await buildApp(configuration)
        topics = BenchTopics(app)
    }

    /// More than the WebSockets of any measurement.
    private static let connectionsMax = 20_000

    /// Requests a minute that no measurement reaches.
    private static let rateMax = 30_000_000

    static func plans(in folder: String) -> String { "\(folder)/plans.yaml" }

    /// The endpoints of the measurement.
    private var benchRoutes: [Route] {
        let (database, identity, entitlements) = (app.database, app.identity, app.entitlements)
        let routes: [Route] = [
            .get(
                "bench/gated",
                "Pass the gate",
                requires: identity.role(.user, .admin), entitlements.subscription, entitlements.quota(Self.meter)
            ) { _, _, charge in Receipt(operation: charge.organisation.text) },
            .post(
                "bench/draw",
                "Spend a unit of a quota for work that writes nothing else",
                requires: identity.member, entitlements.subscription, entitlements.quota(Self.meter)
            ) { _, _, charge in
                let operation = Runtime.system.id(of: Charge.self).text
                try await entitlements.escrow.draw(charge, operation: operation)
                return Receipt(operation: operation)
            },
            .post(
                "bench/spending",
                "Spend a unit of a quota in a transaction of the product",
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
        let limited = routes.map { $0.guarded(by: entitlements.rate(), isEnabled: app.configuration.limitsRates) }
        return limited + topics.routes + [
            .get("bench/allocations", "Count memory allocations", requires: .public) { _ in
                Allocations(count: Int64(gatehouse_process_allocations()))
            }
        ]
    }

    private var dispatcher: RequestDispatcher {
        RequestDispatcher(
            routes: app.routes + benchRoutes, corsOrigins: [], metrics: app.metrics, logger: app.logger,
            runtime: .system)
    }

    /// Serves until the process is stopped.
    /// - Parameter onRunning: called once with the port of the listening socket.
    func serve(on group: any EventLoopGroup, onRunning: @escaping @Sendable (Int) -> Void) async throws {
        try await app.serve(dispatcher, connectionsMax: Self.connectionsMax, on: group, onRunning: onRunning)
    }
}

private struct Receipt: Payload {
    var operation: String
}

private struct Allocations: Payload {
    var count: Int64
}
