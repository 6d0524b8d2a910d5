import App
import Audit
import Base
import Client
import Foundation
import Identity
import Modules
import TestKit
import Testing

/// The server process, killed again and again under load.
@Suite struct KilledServerTests {
    private static let kills = Int(ProcessInfo.processInfo.environment["GATEHOUSE_KILLS"] ?? "") ?? 10
    private static let clients = 8
    /// Acknowledged changes before a kill.
    private static let acknowledgements = 1...120

    /// Who sends the requests: a product elsewhere, and an administrator.
    private struct Callers: Sendable {
        let product: [String: String]
        let administrator: [String: String]
        /// The account whose subscription the administrator changes.
        let account: String
    }

    @Test(arguments: Engine.available)
    func `whenever the server is killed, counts and audit trail verify and every acknowledged change is found`(
        _ engine: Engine
    ) async throws {
        try await withDatabasePlace(engine) { place in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "gatehouse-kills-\(Hex.encode(Runtime.system.randomBytes(6)))")
            defer { try? FileManager.default.removeItem(at: folder) }
            var configuration = Configuration()
            configuration.dataFolder = folder.path()
            configuration.databaseURL = engine == .sqlite ? "sqlite:\(place.address)" : place.address
            configuration.bcryptRounds = 4
            configuration.accessTokenLifetime = .hours(12)
            // The issuer of the tokens, whichever port the server gets.
            configuration.baseURL = ServerProcess.issuer
            let log = LogOutput(keepsLines: true)
            let app = try await buildApp(configuration, in: AppDependencies(logOutput: log))
            let callers = try await Self.callers(
                of: TestApp(app: app, clock: TestClock(Runtime.system.now()), engine: engine, log: log))
            var reserved: Set<String> = []
            var adjustments: Int64 = 0
            for kill in 1...Self.kills {
                let server = try await ServerProcess.start(
                    folder: folder, database: configuration.databaseURL, environment: ["BASE_URL": ServerProcess.issuer]
                )
                for change in await Self.changes(to: server, before: kill, by: callers) {
                    if let operation = change { reserved.insert(operation) } else { adjustments += 1 }
                }
                #expect(try await Invariants.faults(in: app.database) == [], "kill \(kill)")
                let report = try await app.audit.verification.verify()
                #expect(report.isSound, "kill \(kill): \(report.findings)")
                let (operations, events) = try await app.database.read { transaction in
                    (
                        try transaction.all("SELECT operation_key FROM reservations") {
                            try $0["operation_key"] as String
                        },
                        try transaction.count(
                            "SELECT COUNT(*) AS count FROM audit_events WHERE action = 'subscription.adjusted'")
                    )
                }
                let found = Set(operations.compactMap { $0.split(separator: "/").last.map(String.init) })
                #expect(reserved.subtracting(found).isEmpty, "kill \(kill)")
                #expect(events >= adjustments, "kill \(kill)")
            }
            await app.database.close()
        }
    }

    private static func callers(of app: TestApp) async throws -> Callers {
        let (administrator, person) = (try await app.administrator(), try await app.subscriber("enterprise"))
        let key = try await app.serviceKey(administrator: administrator)
        return Callers(
            product: key.headers(in: person.organisation),
            administrator: ["Authorization": "Bearer \(administrator.token)"], account: person.id.description)
    }

    /// Sends changes until some are acknowledged, kills the server, and waits for the clients.
    /// - Returns: the acknowledged changes: the operation of a reservation, nil for a change of the subscription.
    private static func changes(to server: ServerProcess, before kill: Int, by callers: Callers) async -> [String?] {
        let (acknowledged, continuation) = AsyncStream.makeStream(of: String?.self)
        async let ended: Void = withTaskGroup(of: Void.self) { group in
            for client in 0..<clients {
                group.addTask {
                    let connection = Client(baseURL: server.baseURL, connections: 1)
                    var number = 0
                    repeat {
                        number += 1
                    } while await change(
                        "kill-\(kill)-\(client)-\(number)", number, on: connection, by: callers, continuation)
                    await connection.shutDown()
                }
            }
            await group.waitForAll()
            continuation.finish()
        }
        let count = Int.random(in: acknowledgements)
        var all: [String?] = []
        for await change in acknowledged {
            all.append(change)
            if all.count == count { server.kill() }
        }
        await ended
        return all
    }

    /// - Returns: false after the server was killed.
    private static func change(
        _ operation: String, _ number: Int, on connection: Client, by callers: Callers,
        _ acknowledged: AsyncStream<String?>.Continuation
    ) async -> Bool {
        do {
            if number.isMultiple(of: 7) {
                let adjusted = try await connection.post(
                    "/v1/payments/subscriptions/\(callers.account)/adjust", ["plan": "enterprise"],
                    headers: callers.administrator)
                guard adjusted.status == 200 else {
                    Issue.record("\(adjusted.status) \(adjusted.text)")
                    return false
                }
                acknowledged.yield(nil)
                return true
            }
            let path = "/v1/entitlements/reservations"
            let held = try await connection.post(
                path, ["meter": "workflows", "operation": .string(operation)], headers: callers.product)
            guard held.status == 201, let id = held.json?["id"]?.string else {
                Issue.record("\(held)")
                return false
            }
            acknowledged.yield(operation)
            _ = try await connection.post(
                "\(path)/\(id)/\(number.isMultiple(of: 2) ? "commit" : "release")", headers: callers.product)
            return true
        } catch {
            return false
        }
    }
}
