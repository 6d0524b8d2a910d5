import App
import Billing
import Foundation
import Modules
import TestKit
import TestStripe

/// Releases a second against a provider in the same process, and the time to verify a ledger of a million movements.
struct PayoutMeasurement {
    let effort: Effort
    let scratch: URL

    /// Releases that are sent at once.
    private static let tasks = 64

    func run() async throws -> Table {
        var table = Table("Payouts on SQLite", ["operation", "result"])
        table.rows.append(["releases a second, \(Self.tasks) at once", try await releases().shown()])
        let history = try await history()
        table.rows.append([
            "verification of \(Double(effort.rows).shown()) movements, s", history.verification.shown(2),
        ])
        table.rows.append(["finance overview of them, ms", (history.overview * 1_000).shown(3)])
        table.note = "A release is its beginning, the transfer at the provider and its settlement, each committed."
        return table
    }

    private func releases() async throws -> Double {
        let folder = scratch.appending(path: "payouts").path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let stripe = try await TestStripeServer.start()
        let server = try await PayoutServer(
            folder: folder, database: "sqlite:\(folder)/gatehouse.db", provider: stripe.url, key: stripe.secretKey)
        let plan = try await server.prepare(1_000_000, stripe, isRestricted: false)
        let next = Counter()
        let done = Counter()
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(effort.roundSeconds * effort.rounds)
        try await withThrowingTaskGroup(of: Void.self) { [app = server.app] group in
            for _ in 0..<Self.tasks {
                group.addTask {
                    while clock.now < end {
                        let new = plan.payout(next.next() - 1)
                        let begun = try await app.database.write { try app.billing.payouts.begin(new, in: $0) }
                        _ = try await app.billing.payouts.send(begun.payout.id)
                        done.next()
                    }
                }
            }
            try await group.waitForAll()
        }
        let rate = Double(done.count) / (clock.now - start).inSeconds
        await server.app.close()
        await stripe.stop()
        return rate
    }

    private func history() async throws -> (verification: Double, overview: Double) {
        let folder = scratch.appending(path: "ledger").path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var configuration = Configuration()
        configuration.dataFolder = folder
        configuration.databaseURL = "sqlite:\(folder)/gatehouse.db"
        configuration.logLevel = .error
        let app = try await buildApp(configuration)
        // A payment, its reservation and its transfer are four movements.
        try await app.database.write { [payouts = effort.rows / 4] in try $0.insertTransferredPayouts(payouts) }
        let clock = ContinuousClock()
        var faults: [String] = []
        let verification = try await clock.measure {
            faults = try await (LedgerHistory.invariants).faults(in: app.database)
        }
        guard faults.isEmpty else { throw LedgerHistory.Faulty(faults: faults) }
        var times: [Double] = []
        for _ in 0..<21 {
            times.append(
                try await clock.measure {
                    _ = try await app.database.read { try app.billing.finance.overview(in: $0) }
                }.inSeconds)
        }
        await app.close()
        return (verification.inSeconds, times.median)
    }
}
