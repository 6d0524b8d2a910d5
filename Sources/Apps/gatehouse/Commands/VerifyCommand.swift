import App
import ArgumentParser
import Foundation
import Modules

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Recompute every count and balance, and report differences.",
        discussion: """
            In read-only transactions, while the service may run, the command recomputes: what buckets hold, from \
            their reservations; what they used, from usage entries; the used storage, from the stored files; the \
            periods of buckets, from the anchors of subscriptions; the balance of every ledger account, every lot of \
            credits and every hold on them, from the ledger's movements; runs and their reservations, from one \
            another.

            A difference of one unit is reported. Nothing is changed; a difference is corrected by an adjustment.

            EXIT STATUS
              0   every invariant holds
              1   an invariant is violated: every difference is reported
              2   there is no database, or its schema is of another version

            EXAMPLES
              gatehouse verify
              gatehouse verify --database postgresql://gatehouse@db/gatehouse
            """
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let faults = try await faults(of: try await installation.load())
        guard faults.isEmpty else {
            throw Failure("Invariants are violated:\n" + faults.map { "  \($0)" }.joined(separator: "\n"))
        }
        Terminal.print("Every invariant holds: \(allInvariants.count) were checked.")
    }

    /// Opens the database alone: building the system would migrate it and resolve reservations.
    private func faults(of configuration: Configuration) async throws -> [String] {
        if let path = configuration.sqlitePath, !FileManager.default.fileExists(atPath: path) {
            throw Failure("There is no database at \(path).", status: Failure.unusable)
        }
        return try await withOpenDatabase(configuration) { database in
            guard try await Migrator(allMigrations).run(on: database, dryRun: true).isEmpty else {
                throw Failure(
                    "The schema of the database is of an older version. `gatehouse migrate` migrates it.",
                    status: Failure.unusable)
            }
            return try await allInvariants.faults(in: database)
        }
    }
}
