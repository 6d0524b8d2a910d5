import App
import ArgumentParser

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Run jobs without serving HTTP.",
        discussion: """
            Adds job runners to `gatehouse serve`, on the same machine (SQLite) or on others (PostgreSQL). JOB_SLOTS \
            is the number of trainings that run at once; shorter jobs have slots of their own. Ctrl-C and SIGTERM stop \
            it and release the leases of running jobs; after a kill, another runner claims a job when its lease expires.

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
