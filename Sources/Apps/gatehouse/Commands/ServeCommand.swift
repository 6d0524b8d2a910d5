import App
import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve HTTP and run jobs.",
        discussion: """
            The database is migrated to the schema of this version first. Ctrl-C and SIGTERM begin a graceful \
            shutdown: /ready answers 503 at once, connections are refused after DRAIN_GRACE, and requests and jobs \
            end or are handed back within SHUTDOWN_TIMEOUT. A second signal ends the process at once. SIGHUP reads \
            TLS_CERT and TLS_KEY again.

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
        let configuration = try await installation.load(listening.overrides)
        try configuration.checkCertificate()
        let app = try await buildApp(configuration)
        do {
            try await app.serve { port in StartMessage(configuration, port: port).show() }
        } catch {
            throw Failure.listening(on: configuration, error) ?? error
        }
    }
}
