import App
import Entitlements
import Foundation
import HTTPTypes
import Identity
import Modules
import Synchronization

/// The system of the processes of a proof: a shared database, one plan with a limit, and a clock with an offset.
struct ProofServer {
    let app: App
    let clock: OffsetClock
    private let folder: String

    static let plan = "proof"
    static let meter = BenchServer.meter
    /// The idempotency key of one unit of each account that is used first: the gate admits a known key at any level.
    private static let key = "proof"

    /// - Parameters:
    ///   - folder: of the plans, the secrets and the reports of all processes.
    ///   - database: the value of `DATABASE_URL`.
    ///   - connections: of the pool.
    init(folder: String, database: String, connections: Int) async throws {
        self.folder = folder
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = database
        configuration.plansFile = Self.plans(in: folder)
        configuration.accessTokenLifetime = .hours(23)
        configuration.bcryptRounds = 4
        configuration.poolSize = connections
        configuration.poolOverflow = 0
        configuration.poolTimeout = .seconds(60)
        configuration.logLevel = .error
        let clock = OffsetClock()
        self.clock = clock
        app = try await buildApp(
            configuration,
            in: AppDependencies(runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)))
    }

    /// Writes the plans, which the other processes read.
    /// - Parameter limit: units of each account.
    init(folder: String, database: String, connections: Int, limit: Int64) async throws {
        try Self.writePlans(limit: limit, in: folder)
        try await self.init(folder: folder, database: database, connections: connections)
    }

    private static func writePlans(limit: Int64, in folder: String) throws {
        try """
        plans:
          - { id: \(plan), name: Proof, start: anyone, limits: { \(meter.name): \(limit) }, file_mb: 1, storage_mb: 1 }
        """.write(toFile: plans(in: folder), atomically: true, encoding: .utf8)
    }

    private static func plans(in folder: String) -> String { "\(folder)/plans.yaml" }

    private var tokensFile: String { "\(folder)/tokens" }

    /// The access tokens of the registered accounts.
    func tokens() throws -> [String] {
        try String(contentsOfFile: tokensFile, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Registers accounts, and uses one unit of each.
    /// - Returns: their access tokens, which the other processes read from the folder.
    func registerAccounts(_ count: Int) async throws -> [String] {
        var tokens: [String] = []
        for index in 0..<count {
            let token = try await app.registerSubscriber(Accounts.email(index), plan: Self.plan).token
            let charge = try await charge(token, units: 1, .durable)
            try await app.database.write { [entitlements = app.entitlements] in
                try entitlements.quotas.spend(charge, operation: charge.operation(key: Self.key), in: $0)
            }
            tokens.append(token)
        }
        try tokens.joined(separator: "\n").write(toFile: tokensFile, atomically: true, encoding: .utf8)
        return tokens
    }

    /// A charge of the gate; it can be spent repeatedly.
    func charge(_ token: String, units: Int64, _ mode: QuotaMode) async throws -> Charge {
        let request = Request(
            method: .post,
            path: "/v1/proof",
            headers: [.authorization: "Bearer \(token)", .idempotencyKey: Self.key],
            requestID: "proof",
            address: "127.0.0.1",
            received: Runtime.system.now()
        )
        return try await app.entitlements.quota(Self.meter, units: units, mode: mode).check(request)
    }
}

/// The system clock with an offset. On PostgreSQL it is the clock of the process; on SQLite, which has none, it is the
/// clock of the database too.
final class OffsetClock: Sendable {
    private let microseconds = Atomic<Int64>(0)

    var now: Instant {
        Instant(microseconds: Runtime.system.now().microseconds + microseconds.load(ordering: .relaxed))
    }
    func set(offset: Duration) { microseconds.store(offset.microseconds, ordering: .relaxed) }
}
