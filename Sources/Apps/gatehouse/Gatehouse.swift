import App
import ArgumentParser
import Forecasting
import Foundation
import Modules

/// The command `gatehouse`.
@main
struct Gatehouse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "The backend of paid products: accounts, permissions, plans, quotas and jobs over HTTP.",
        discussion: """
            EXAMPLES
              gatehouse                     serves 127.0.0.1:8080, with SQLite in ./data
              gatehouse serve --port 9000 --log-format text
              gatehouse serve --database postgresql://gatehouse@db/gatehouse
              gatehouse admin create --email you@example.org
              gatehouse backup /var/backups/gatehouse --keep 14
              gatehouse tour                a demonstration on a temporary server

            ENVIRONMENT
              Flags win over the environment, which wins over the file .env in the
              current folder.
            \(EnvironmentHelp.table)

            EXIT STATUS
              0   done
              1   failed
              2   the configuration, the plans or the database's schema cannot be used
              64  wrong usage
            """,
        version: gatehouseVersion,
        groupedSubcommands: [
            CommandGroup(name: "Run", subcommands: [ServeCommand.self, WorkCommand.self, TourCommand.self]),
            CommandGroup(
                name: "Set up",
                subcommands: [MigrateCommand.self, AdminCommand.self, KeysCommand.self, ConfigCommand.self]),
            CommandGroup(
                name: "Back up and move", subcommands: [BackupCommand.self, RestoreCommand.self, MoveCommand.self]),
            CommandGroup(
                name: "Inspect",
                subcommands: [
                    HealthCommand.self, AuditCommand.self, VerifyCommand.self, JobsCommand.self, TailCommand.self,
                    RoutesCommand.self, OpenAPICommand.self, VersionCommand.self,
                ]),
            CommandGroup(name: "Models", subcommands: [RiskCommand.self]),
        ],
        defaultSubcommand: ServeCommand.self
    )

    /// Replaces ArgumentParser's main, to print the messages and exit statuses of ``Failure``.
    static func main() async {
        Processor.selectKernels()
        EventLoops.match(processors: Processor.count)
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            guard let failure = Failure(explaining: error) else { exit(withError: error) }
            Terminal.error(failure.message)
            Foundation.exit(failure.status)
        }
    }
}

/// The settings with their meanings, for help texts of 80 columns.
enum EnvironmentHelp {
    static let table =
        settings
        .flatMap { setting in
            Text.wrapped(setting.meaning, to: 78 - nameWidth - 4).enumerated().map {
                "  \(Text.padded($0 == 0 ? setting.name : "", to: nameWidth))  \($1)"
            }
        }
        .joined(separator: "\n")

    private static let settings = Configuration().settings
    private static let nameWidth = settings.map(\.name.count).max() ?? 0
}
