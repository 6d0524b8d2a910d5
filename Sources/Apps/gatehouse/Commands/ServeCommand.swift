import App
import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve HTTP and run jobs.",
        discussion: """
            The database is migrated to the schema of this version first. Ctrl-C and SIGTERM begin a graceful \
            shutdown: requests in progress finish, and the leases of running jobs are released.

            EXAMPLES
              gatehouse serve
              gatehouse serve --host 0.0.0.0 --port 80 --log-format text
              JOB_SLOTS=0 gatehouse serve         runs no jobs; `gatehouse work` does

            `gatehouse --help` lists the settings.
            """
    )

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let overrides = installation.overrides.merging(listening.overrides) { $1 }
        let configuration = try await Configuration.load(overrides: overrides)
        let app = try await buildApp(configuration)
        do {
            try await app.serve { port in StartMessage(configuration, port: port).show() }
        } catch {
            throw Failure.listening(on: configuration, error) ?? error
        }
    }
}
