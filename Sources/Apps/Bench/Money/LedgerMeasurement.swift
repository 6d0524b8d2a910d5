import App
import Foundation
import Modules

/// The time to verify a ledger of a million movements, and pages of administrators over a million payments, on SQLite.
struct LedgerMeasurement {
    let effort: Effort
    let scratch: URL

    /// A payment, its reservation for a payout and its transfer are four movements.
    private static let movementsPerPayout = 4
    private static let pages = 51

    func run() async throws -> Table {
        let server = try await BenchServer(folder: try folder(), logLevel: .error)
        let (app, paid) = (server.app, effort.rows / Self.movementsPerPayout)
        var table = Table("The ledger on SQLite", ["quantity", "measured", "goal"])
        try await LedgerHistory.insert(payments: 0..<paid, payouts: 0..<paid, into: app.database)
        let verification = try await ContinuousClock().measure { try await verify(app.database) }
        table.rows.append([
            "all invariants over \(Double(effort.rows).shown()) movements", verification.inSeconds.shown(2) + " s",
            "≤ 5 s",
        ])
        // The other payments are not paid out.
        try await LedgerHistory.insert(payments: paid..<effort.rows, payouts: 0..<0, into: app.database)
        try await verify(app.database)
        let administrator = try await app.signedInAdministrator()
        let pages = [
            ("finance overview", "/v1/admin/finance/overview", "≤ 20 ms"),
            ("the 50 newest", "/v1/admin/payments", "≤ 20 ms"),
        ]
        for (name, path, goal) in pages {
            table.rows.append([
                "\(name) of \(Double(effort.rows).shown()) payments",
                try await milliseconds(of: path, as: administrator, app).shown(2) + " ms", goal,
            ])
        }
        table.note = "Pages are medians of \(Self.pages) requests without a socket."
        await app.close()
        return table
    }

    private func folder() throws -> String {
        let folder = scratch.appending(path: "ledger")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path(percentEncoded: false)
    }

    private func verify(_ database: any Database) async throws {
        let faults = try await allInvariants.faults(in: database)
        guard faults.isEmpty else { throw Faulty(faults: faults) }
    }

    private func milliseconds(of path: String, as token: String, _ app: App) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<Self.pages {
            times.append(
                try await ContinuousClock().measure { _ = try await app.get(path, token: token) }.inSeconds * 1_000)
        }
        return times.median
    }

    struct Faulty: Error, CustomStringConvertible {
        let faults: [String]
        var description: String { faults.prefix(5).joined(separator: "\n") }
    }
}
