import App
import Entitlements
import Foundation
import Modules

/// Processes that reserve units of a few limits without a pause and are killed every one to three seconds, while the
/// invariants are checked.
struct QuotaProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let seconds: Int

    private static let accounts = 8
    private var processes: Int { engine == .sqlite ? 1 : 4 }
    private var tasks: Int { engine == .sqlite ? 2_000 : 500 }
    /// Reached before the end, but not at once.
    private var limit: Int64 { engine == .sqlite ? 300 + 20 * Int64(seconds) : 60 + 6 * Int64(seconds) }

    /// - Returns: the number of violations.
    func run(_ write: (String) -> Void) async throws -> Int {
        write(
            "\(engine): \(processes) × \(tasks) tasks for \(seconds) s, killed every 1–3 s, clock offset by ±1 h; "
                + "\(Self.accounts) limits of \(limit)")
        let server = try await ProofServer(folder: folder, database: database, connections: 4, limit: limit)
        let tokens = try await server.registerAccounts(Self.accounts)
        let invariants = try await ProofInvariants(watching: server.app.database, limit: limit)

        let killed = KilledProcesses(
            folder: folder, database: database, count: processes,
            arguments: ["--tasks", "\(tasks)", "--connections", "16"], pause: 1_000...3_000)
        let outcome = try await killed.run(seconds: seconds, checking: invariants)
        var found = outcome.faults

        // Two leases later, by the clock of the database, nothing is held. On SQLite that is the clock of the last
        // process, at most an hour ahead.
        if engine == .sqlite { server.clock.set(offset: .hours(1)) }
        try await server.app.waitUntilQuiet()
        try await Task.sleep(for: ProofWorkCommand.lease * 2)
        try await server.app.entitlements.recovery.recover()
        found += try await invariants.faults()
        let result = try await invariants.result(of: try killed.reports())
        found += result.faults
        found += try await retry(result.unansweredOperations, server, tokens)
        await server.app.database.close()

        return result.report(
            outcome, found,
            """
            used \(result.used) = acknowledged \(result.acknowledged) \
            + committed without a response \(result.unanswered); \
            overruns \(result.beyond), held \(result.held)
            """,
            write
        )
    }

    /// Repeats operations whose response was lost with the same key: they are committed, and not charged again.
    private func retry(_ operations: [ProofInvariants.Unanswered], _ server: ProofServer, _ tokens: [String])
        async throws
        -> [String]
    {
        server.clock.set(offset: .zero)
        let (database, entitlements) = (server.app.database, server.app.entitlements)
        var faults: [String] = []
        for operation in operations {
            let charge = try await server.charge(tokens[operation.account], units: operation.units, .durable)
            let settled = try await database.write { transaction in
                let id = try entitlements.quotas.reserve(
                    charge, operation: charge.operation(key: operation.key), fingerprint: operation.key, in: transaction
                )
                return try entitlements.quotas.commit(id, in: transaction)
            }
            if settled?.state != .committed || settled?.actual != operation.charged {
                faults.append(
                    "\(operation.key) was charged \(operation.charged) units, "
                        + "and a retry returns \(settled?.actual ?? -1)"
                )
            }
        }
        return faults
    }
}
