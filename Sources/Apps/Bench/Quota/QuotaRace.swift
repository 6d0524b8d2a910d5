import App
import Entitlements
import Foundation
import Modules

/// Eight processes that compete for one limit: exactly its units are admitted.
struct QuotaRace {
    let folder: String
    let database: String
    let mode: String
    let attempts: Int

    private static let processes = 8
    /// At most a quarter of the attempts, so that most of them are refused.
    private var limit: Int64 { min(1_000, Int64(attempts * Self.processes / 4)) }

    /// - Returns: the number of violations.
    func run(_ write: (String) -> Void) async throws -> Int {
        // The registration of the account uses one unit.
        let server = try await ProofServer(folder: folder, database: database, connections: 2, limit: limit + 1)
        _ = try await server.registerAccounts(1)
        let invariants = try await ProofInvariants(watching: server.app.database, limit: limit + 1)

        var competitors: [(child: Child, output: URL)] = []
        for index in 0..<Self.processes {
            let output = URL(filePath: "\(folder)/result-\(index)")
            _ = FileManager.default.createFile(atPath: output.path, contents: nil)
            let arguments = [
                "race", "--folder", folder, "--database", database, "--node", "competitor-\(index)", "--mode", mode,
                "--attempts", "\(attempts)",
                "--limit", "\(limit + 1)",
            ]
            competitors.append(
                (try Child(Child.ownPath, arguments, output: try FileHandle(forWritingTo: output)), output))
        }
        let isReady = {
            (0..<Self.processes).allSatisfy {
                FileManager.default.fileExists(atPath: "\(folder)/ready-competitor-\($0)")
            }
        }
        while !isReady(), competitors.allSatisfy(\.child.isRunning) { try await Task.sleep(for: .milliseconds(20)) }
        _ = FileManager.default.createFile(atPath: "\(folder)/go", contents: nil)
        var sum = RaceCommand.Result()
        for competitor in competitors {
            try competitor.child.end()
            let result = try JSONDecoder().decode(RaceCommand.Result.self, from: Data(contentsOf: competitor.output))
            sum.admitted += result.admitted
            sum.refused += result.refused
            sum.early += result.early
            sum.failed += result.failed
            sum.firstFailure = sum.firstFailure ?? result.firstFailure
            sum.seconds = max(sum.seconds, result.seconds)
        }
        var faults = try await invariants.faults()
        let (used, held) = try await server.app.database.read { transaction in
            let row = try transaction.first("SELECT used, held FROM buckets WHERE meter = \(ProofServer.meter.name)")
            return (try row?.read("used", as: Int64.self) ?? 0, try row?.read("held", as: Int64.self) ?? 0)
        }
        await server.app.database.close()
        if Int64(sum.admitted) != limit {
            faults.append("\(sum.admitted) were admitted on a limit of \(limit)")
        }
        if used != Int64(sum.admitted) + 1 || held != 0 {
            faults.append("used \(used - 1), held \(held) after \(sum.admitted) were admitted")
        }
        if sum.early > 0 { faults.append("\(sum.early) were refused while units remained") }
        if sum.failed > 0 { faults.append("\(sum.failed) failed: \(sum.firstFailure ?? "")") }
        for fault in faults.prefix(20) { write("  ✘ \(fault)") }
        write(
            """
            competition, \(mode): \(Self.processes) × \(attempts) attempts on a limit of \(limit) \
            in \(sum.seconds.shown(1)) s
              admitted \(sum.admitted), refused \(sum.refused), of these while units remained \(sum.early)
              violations \(faults.count)
            """
        )
        return faults.count
    }
}
