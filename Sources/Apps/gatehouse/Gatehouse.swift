import App
import ArgumentParser
import Foundation

/// The command: everything that is done with an installation begins here.
@main
struct Gatehouse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "The backend of a paid product: who is at the door, what they may do, and how much of it is left.",
        discussion: """
            EXAMPLES
              gatehouse                     answers on 127.0.0.1:8080, SQLite in ./data
              gatehouse serve --port 9000 --log-format text
              gatehouse serve --database postgresql://gatehouse@db/gatehouse
              gatehouse admin create --email you@example.org
              gatehouse tour                shows it all, on a server of its own

            ENVIRONMENT
              Flags win over the environment, which wins over a file .env in the
              present folder.
            \(EnvironmentHelp.table)

            EXIT STATUS
              0   done
              1   failed
              2   the configuration, the plans or the database's schema do not fit
              64  wrong usage
            """,
        version: gatehouseVersion,
        groupedSubcommands: [
            CommandGroup(name: "Run", subcommands: [ServeCommand.self, WorkCommand.self, TourCommand.self]),
            CommandGroup(
                name: "Set up",
                subcommands: [MigrateCommand.self, AdminCommand.self, KeysCommand.self, ConfigCommand.self]),
            CommandGroup(
                name: "Look",
                subcommands: [
                    AuditCommand.self, VerifyCommand.self, RoutesCommand.self, OpenAPICommand.self, VersionCommand.self,
                ]),
        ],
        defaultSubcommand: ServeCommand.self
    )

    /// In place of ArgumentParser's own: what goes wrong is told in a sentence.
    static func main() async {
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            guard let failure = Failure(explaining: error) else { exit(withError: error) }
            Terminal.complain(failure.sentence)
            Foundation.exit(failure.status)
        }
    }
}

/// The environment's names as help shows them, on 80 columns.
enum EnvironmentHelp {
    static let table = Configuration.names
        .flatMap { name, meaning in
            Text.wrapped(meaning, to: 78 - nameWidth - 4).enumerated().map {
                "  \(Text.padded($0 == 0 ? name : "", to: nameWidth))  \($1)"
            }
        }
        .joined(separator: "\n")

    private static let nameWidth = Configuration.names.map(\.name.count).max() ?? 0
}
