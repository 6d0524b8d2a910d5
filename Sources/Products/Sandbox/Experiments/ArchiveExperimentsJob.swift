import Modules

/// Moves experiments that are older than ``Experiment/retention`` to files.
struct ArchiveExperimentsJob: Job {
    static let name = "sandbox.archive-experiments"

    static func worker(_ experiments: ExperimentService) -> Worker {
        Worker(ArchiveExperimentsJob.self) { _, context in
            try await experiments.archive(context)
            try await experiments.removeOrphans(context)
            return .done
        }
    }

    /// - Parameter expression: in UTC.
    static func schedule(at expression: String) -> Schedule {
        Schedule(id: name, .cron(expression, timeZone: "UTC")) { _, queue, transaction in
            try queue.enqueue(ArchiveExperimentsJob(), JobOptions(uniqueKey: name), in: transaction)
        }
    }
}
