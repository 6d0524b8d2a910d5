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
            let installation = KilledInstallation(data: folder, place: place)
            let test = try await installation.open()
            let (app, callers) = (test.app, try await Self.callers(of: test))
            var reserved: Set<String> = []
            var adjustments: Int64 = 0
            for kill in 1...Self.kills {
                for change in try await Self.changes(to: installation, before: kill, by: callers) {
                    if let operation = change { reserved.insert(operation) } else { adjustments += 1 }
                }
                let faults = try await Invariants.faults(in: app.database)
                #expect(faults == [], "kill \(kill)")
                let report = try await app.audit.verification.verify()
                #expect(report.isSound, "kill \(kill): \(report.findings)")
                let (found, events) = try await app.database.read { transaction in
                    (
                        try KilledInstallation.reservedOperations(in: transaction),
                        try transaction.count(
                            "SELECT COUNT(*) AS count FROM audit_events WHERE action = 'subscription.adjusted'")
                    )
                }
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

    /// Sends changes to a server until some are acknowledged, and kills it.
    /// - Returns: the acknowledged changes: the operation of a reservation, nil for a change of the subscription.
    private static func changes(
        to installation: KilledInstallation, before kill: Int, by callers: Callers
    ) async throws -> [String?] {
        let server = try await installation.start()
        let count = Int.random(in: acknowledgements)
        let acknowledged = installation.changes(to: server, named: "kill-\(kill)") {
            (operation, number, connection, acknowledged: AsyncStream<String?>.Continuation) in
            guard number.isMultiple(of: 7) else {
                return try await KilledInstallation.reserve(operation, number, on: connection, by: callers.product) {
                    acknowledged.yield(operation)
                }
            }
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
        var all: [String?] = []
        for await change in acknowledged {
            all.append(change)
            if all.count == count { server.kill() }
        }
        return all
    }
}
