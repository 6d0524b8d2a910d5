import App
import Entitlements
import Foundation
import HTTPTypes
import Identity
import Modules
import NIOCore
import Synchronization

/// The system as the processes of a proof have it: one database, one plan with a limit, a clock that can be moved.
struct ProofServer {
    let app: App
    let clock: MovedClock
    private let folder: String

    static let plan = "proof"
    static let meter = BenchServer.meter
    /// Of one of each customer's units, used before anything begins: what is known passes the gate, however full it is.
    private static let key = "proof"

    /// - Parameters:
    ///   - folder: holds the plans, the secrets and the reports of all processes.
    ///   - database: as `DATABASE_URL`.
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
        let clock = MovedClock()
        self.clock = clock
        app = try await buildApp(
            configuration,
            in: AppDependencies(runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)))
    }

    /// The first to come: writes the plans that the others read, with so many units for each customer.
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

    /// The access tokens of the customers that were made.
    func tokens() throws -> [String] {
        try String(contentsOfFile: tokensFile, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Makes customers, each of whom has used one unit.
    /// - Returns: their access tokens, which the other processes find in the folder.
    func makeCustomers(_ count: Int) async throws -> [String] {
        var tokens: [String] = []
        for index in 0..<count {
            let account = try await post(
                "/v1/auth/register",
                ["email": .string(Accounts.address(index)), "password": .string(Accounts.password)], token: nil)
            let token = account["access_token"]?.string ?? ""
            _ = try await post("/v1/payments/subscribe", ["plan": .string(Self.plan)], token: token)
            let charge = try await charge(token, units: 1, .durable)
            try await app.database.write { [entitlements = app.entitlements] in
                try entitlements.quotas.spend(charge, operation: charge.operation(key: Self.key), in: $0)
            }
            tokens.append(token)
        }
        try tokens.joined(separator: "\n").write(toFile: tokensFile, atomically: true, encoding: .utf8)
        return tokens
    }

    /// A proof of the gate, to be spent over and over.
    func charge(_ token: String, units: Int64, _ mode: QuotaMode) async throws -> Charge {
        let call = Request(
            method: .post,
            path: "/v1/proof",
            headers: [.authorization: "Bearer \(token)", .idempotencyKey: Self.key],
            requestID: "proof",
            address: "127.0.0.1",
            received: Runtime.system.now()
        )
        return try await app.entitlements.quota(Self.meter, units: units, mode: mode).check(call)
    }

    private func post(_ path: String, _ body: JSONValue, token: String?) async throws -> JSONValue {
        var head = HTTPRequest(
            method: .post, scheme: "http", authority: "localhost", path: path,
            headerFields: [.contentType: "application/json"])
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        let response = await app.dispatcher.respond(
            to: head, body: RequestBody(bytes: Array(try JSONEncoder().encode(body))), address: "127.0.0.1")
        guard response.status == .created, case .buffer(let buffer) = response.body else {
            throw Refused(path: path, status: response.status.code)
        }
        return try JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))
    }

    struct Refused: Error, CustomStringConvertible {
        let path: String
        let status: Int
        var description: String { "\(path) answered \(status)" }
    }
}

/// The machine's clock, wrong by as much as somebody says. On PostgreSQL it is the process's alone; on SQLite, which has no clock of its own, it is
/// the database's as well.
final class MovedClock: Sendable {
    private let microseconds = Atomic<Int64>(0)

    var now: Instant {
        Instant(microseconds: Runtime.system.now().microseconds + microseconds.load(ordering: .relaxed))
    }
    func move(to offset: Duration) { microseconds.store(offset.microseconds, ordering: .relaxed) }
}
