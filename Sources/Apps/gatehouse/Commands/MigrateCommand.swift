import App
import ArgumentParser
import Foundation
import Modules

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to this version's schema.",
        discussion: """
            `gatehouse serve` does so by itself when it starts; this is for doing it beforehand, or for looking what would be done. \
            A database that is newer than this version is refused.

            EXAMPLES
              gatehouse migrate --dry-run
              gatehouse migrate --database postgresql://gatehouse@db/gatehouse
            """
    )

    @Flag(help: "Only list what would be applied.")
    var dryRun = false

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let names = try await apply(try await installation.load())
        if names.isEmpty { return Terminal.say("The database is up to date.") }
        Terminal.say(dryRun ? "To be applied:" : "Applied:")
        for name in names { Terminal.say("  \(name)") }
    }

    private func apply(_ configuration: Configuration) async throws -> [String] {
        // Opening SQLite makes the file; a look must not.
        if dryRun, let path = configuration.sqlitePath, !FileManager.default.fileExists(atPath: path) {
            return allMigrations.map(\.name)
        }
        let database = try openDatabase(configuration)
        do {
            let names = try await Migrator(allMigrations).run(on: database, dryRun: dryRun)
            await database.close()
            return names
        } catch {
            await database.close()
            throw error
        }
    }
}

extension Configuration {
    /// Where the database's file lies; nil on PostgreSQL.
    var sqlitePath: String? { databaseURL.hasPrefix("sqlite:") ? String(databaseURL.dropFirst("sqlite:".count)) : nil }
}
