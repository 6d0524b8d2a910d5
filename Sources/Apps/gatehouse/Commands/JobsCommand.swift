import App
import ArgumentParser
import Modules

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "List and retry jobs that have failed permanently.",
        discussion: """
            A job is dead when it has failed permanently, or has used its attempts. What was reserved for it was \
            released then; it is kept for 14 days with its errors.
            """,
        subcommands: [DeadJobsCommand.self, RetryJobsCommand.self]
    )
}

struct DeadJobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "List the dead jobs that were not retried, the last one first.",
        discussion: """
            EXAMPLES
              gatehouse jobs dead
              gatehouse jobs dead --kind mail.deliver --limit 20
            """
    )

    @OptionGroup var selection: DeadJobSelection
    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let jobs = try await installation.withApp { app in
            try await DeadJobService(app).list(of: selection.kind, atMost: selection.limit)
        }
        guard !jobs.isEmpty else { return Terminal.print("No job is dead.") }
        let rows = jobs.map { job in
            [
                job.id.text, job.name, job.finishedAt.map { "\($0)" } ?? "", "\(job.attempt)",
                (job.lastError ?? "").split(whereSeparator: \.isWhitespace).joined(separator: " "),
            ]
        }
        Text.table([["JOB", "KIND", "ENDED", "ATTEMPTS", "LAST ERROR"]] + rows).forEach { Terminal.print($0) }
    }
}

struct RetryJobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Enqueue dead jobs again.",
        discussion: """
            Each becomes a new job with the same payload, once: a second retry of a job prints the id of the same new \
            one. The server may be running, and takes the jobs within seconds. The audit trail gets an event for each. \
            A job whose subject has ended meanwhile, such as a run that has failed, does nothing.

            Calls and events of the payment provider are redriven by administrators over HTTP, because their own state \
            has to change too: POST /v1/admin/provider-calls/{id}/redrive and /v1/admin/provider-events/{id}/redrive.

            EXAMPLES
              gatehouse jobs retry 01977d7f-5ef1-7d5c-8a53-0f7a3c2b9d10
              gatehouse jobs retry --all --kind mail.deliver
            """
    )

    @Argument(help: "The ids of the jobs.")
    var jobs: [String] = []

    @Flag(help: "Every dead job that `gatehouse jobs dead` lists with the same options.")
    var all = false

    @OptionGroup var selection: DeadJobSelection
    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        guard all != !jobs.isEmpty else { throw ValidationError("Give the ids of jobs, or --all.") }
        guard all || selection.kind == nil else { throw ValidationError("--kind is for --all.") }
        guard jobs.count <= DeadJobService.jobsMax else {
            throw ValidationError("At most \(DeadJobService.jobsMax) jobs are retried at once.")
        }
    }

    func run() async throws {
        let ids = try jobs.map { text in
            guard let id = ID<QueuedJob>(text) else { throw ValidationError("\(text) is no id of a job.") }
            return id
        }
        let pairs = try await installation.withApp { app in
            let service = DeadJobService(app)
            let chosen =
                all ? try await service.list(of: selection.kind, atMost: selection.limit).map(\.id) : ids
            return Array(zip(chosen, try await service.redrive(chosen)))
        }
        for (dead, new) in pairs { Terminal.print("\(dead) is enqueued again as \(new).") }
        if pairs.isEmpty { Terminal.print("No job is dead.") }
    }
}

/// Which dead jobs a command is about.
struct DeadJobSelection: ParsableArguments {
    @Option(help: "Only jobs of this kind.")
    var kind: String?

    @Option(help: "At most this many.")
    var limit = 100

    func validate() throws {
        guard (1...DeadJobService.jobsMax).contains(limit) else {
            throw ValidationError("--limit takes 1 to \(DeadJobService.jobsMax).")
        }
    }
}
