import App
import ArgumentParser
import Foundation
import Modules

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Migrate the database to the schema of this version.",
        discussion: """
            `gatehouse serve` migrates when it starts; this command does so beforehand, or lists what would be \
            applied. A database with migrations that this version does not have is refused.

            EXAMPLES
              gatehouse migrate --dry-run
              gatehouse migrate --database postgresql://gatehouse@db/gatehouse
            """
    )

    @Flag(help: "Only list the migrations that would be applied.")
    var dryRun = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let names = try await apply(try await installation.load())
        if names.isEmpty { return Terminal.print("The database is up to date.") }
        Terminal.print(dryRun ? "To be applied:" : "Applied:")
        for name in names { Terminal.print("  \(name)") }
    }

    private func apply(_ configuration: Configuration) async throws -> [String] {
        // Opening an SQLite database creates its file, which a dry run must not do.
        if dryRun, let path = configuration.sqlitePath, !FileManager.default.fileExists(atPath: path) {
            return allMigrations.map(\.name)
        }
        return try await withOpenDatabase(configuration) { database in
            try await Migrator(allMigrations).run(on: database, dryRun: dryRun)
        }
    }
}
