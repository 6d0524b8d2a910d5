import Modules

/// Deletes workflows 90 days after their end.
struct PruneWorkflowsJob: Job {
    static let name = "workflows.prune"

    static let schedule = Schedule(id: name, .cron("17 4 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneWorkflowsJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ workflows: WorkflowService) -> Worker {
        Worker(PruneWorkflowsJob.self) { _, context in
            try await workflows.deleteOld(context)
            return .done
        }
    }
}
