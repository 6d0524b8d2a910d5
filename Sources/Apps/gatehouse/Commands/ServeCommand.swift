import App
import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer HTTP, and run jobs beside it.",
        discussion: """
            The database is brought to this version's schema first. Ctrl-C or SIGTERM stops it: the requests under way finish, and jobs are handed back.

            EXAMPLES
              gatehouse serve
              gatehouse serve --host 0.0.0.0 --port 80 --log-format text
              JOB_SLOTS=0 gatehouse serve         leaves jobs to `gatehouse work`

            `gatehouse --help` lists the environment's names.
            """
    )

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let overrides = installation.overrides.merging(listening.overrides) { $1 }
        let configuration = try await Configuration.load(overrides: overrides)
        let app = try await buildApp(configuration)
        do {
            try await app.serve { port in Greeting(configuration, port: port).show() }
        } catch {
            throw Failure.listening(on: configuration, error) ?? error
        }
    }
}
