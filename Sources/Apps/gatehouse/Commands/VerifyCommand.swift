import App
import ArgumentParser
import Foundation
import Modules

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Count everything again, and find what does not add up.",
        discussion: """
            Recomputed as of one moment, in one transaction that only reads, while the service runs: what buckets hold from their reservations, \
            what they used from usage entries, the storage taken from the files that lie there, the periods that buckets are filed under from \
            their subscription's anchor, the balance of every account in the ledger from its movements, each lot of credits and each hold of \
            them from the same movements, and runs and their reservations from one another.

            One unit of difference is found and named. Nothing is mended: that is for people to do, by a correction.

            EXIT STATUS
              0   everything adds up
              1   it does not: every difference is named
              2   there is no database, or one of another version

            EXAMPLES
              gatehouse verify
              gatehouse verify --database postgresql://gatehouse@db/gatehouse
            """
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let faults = try await look(at: try await installation.load())
        guard faults.isEmpty else {
            throw Failure("The books do not balance:\n" + faults.map { "  \($0)" }.joined(separator: "\n"))
        }
        Terminal.say("The books balance: \(allInvariants.count) rules hold.")
    }

    /// Nothing is built and nothing begins: whatever is wrong is seen as it lies there.
    private func look(at configuration: Configuration) async throws -> [String] {
        if let path = configuration.sqlitePath, !FileManager.default.fileExists(atPath: path) {
            throw Failure("There is no database at \(path).", status: Failure.unusable)
        }
        let database = try openDatabase(configuration)
        do {
            guard try await Migrator(allMigrations).run(on: database, dryRun: true).isEmpty else {
                throw Failure(
                    "The database is of an older version. `gatehouse migrate` brings it to this one.",
                    status: Failure.unusable)
            }
            let faults = try await allInvariants.faults(in: database)
            await database.close()
            return faults
        } catch {
            await database.close()
            throw error
        }
    }
}
