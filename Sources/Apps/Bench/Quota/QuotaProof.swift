import App
import Entitlements
import Foundation
import Modules

/// Processes that take from a few limits as fast as they can and are killed every one to three seconds, and somebody who looks on.
struct QuotaProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let seconds: Int

    private static let customers = 8
    private var processes: Int { engine == .sqlite ? 1 : 4 }
    private var tasks: Int { engine == .sqlite ? 2_000 : 500 }
    /// Met before the end, and not at once.
    private var limit: Int64 { engine == .sqlite ? 300 + 20 * Int64(seconds) : 60 + 6 * Int64(seconds) }

    /// - Returns: how many violations there were.
    func run(_ say: (String) -> Void) async throws -> Int {
        say(
            "\(engine): \(processes) × \(tasks) tasks for \(seconds) s, killed every 1–3 s, clock moved by ±1 h; \(Self.customers) limits of \(limit)"
        )
        let house = try await ProofServer(folder: folder, database: database, connections: 4, limit: limit)
        let tokens = try await house.makeCustomers(Self.customers)
        let books = try await ProofInvariants(watching: house.app.database, limit: limit)

        let killed = KilledProcesses(
            folder: folder, database: database, count: processes,
            arguments: ["--tasks", "\(tasks)", "--connections", "16"], pause: 1_000...3_000)
        let outcome = try await killed.run(seconds: seconds, lookingInto: books)
        var found = outcome.faults

        // Two leases later nothing may be held, as the database sees the time. On SQLite that is the last process's clock, an hour ahead at most.
        if engine == .sqlite { house.clock.move(to: .hours(1)) }
        try await Task.sleep(for: ProofWorkCommand.lease * 2)
        try await house.app.entitlements.recovery.recover()
        found += try await books.faults()
        let account = try await books.account(of: try killed.reports())
        found += account.faults
        found += try await askAgain(account.unheardOf, house, tokens)
        await house.app.database.close()

        return account.conclude(
            outcome, found,
            """
            used \(account.used) = acknowledged \(account.acknowledged) + committed, the answer lost with its process \(account.unheard); \
            overruns and overage declared \(account.beyond), held \(account.held)
            """,
            say
        )
    }

    /// Whoever did not hear the answer asks again with the same key, hears that it was committed, and is not charged a second time.
    private func askAgain(_ unheard: [ProofInvariants.Unheard], _ house: ProofServer, _ tokens: [String]) async throws
        -> [String]
    {
        house.clock.move(to: .zero)
        let (database, entitlements) = (house.app.database, house.app.entitlements)
        var faults: [String] = []
        for one in unheard {
            let charge = try await house.charge(tokens[one.customer], units: one.units, .durable)
            let settled = try await database.write { transaction in
                let id = try entitlements.quotas.reserve(
                    charge, operation: charge.operation(key: one.key), fingerprint: one.key, in: transaction)
                return try entitlements.quotas.commit(id, in: transaction)
            }
            if settled?.state != .committed || settled?.actual != one.charged {
                faults.append(
                    "\(one.key) was charged \(one.charged) units, and asked again it answers \(settled?.actual ?? -1)")
            }
        }
        return faults
    }
}
