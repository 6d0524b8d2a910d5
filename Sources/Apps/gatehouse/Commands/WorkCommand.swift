import App
import ArgumentParser

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Run jobs alone, without answering HTTP.",
        discussion: """
            For more hands beside `gatehouse serve`, on this machine (SQLite) or on others (PostgreSQL). JOB_SLOTS says how many jobs run at once. \
            Ctrl-C or SIGTERM stops it and hands jobs back; what is killed is taken up again by others when its lease ends.

            EXAMPLES
              gatehouse work
              JOB_SLOTS=8 gatehouse work --data /srv/gatehouse
            """
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await buildApp(try await installation.load()).work()
    }
}
