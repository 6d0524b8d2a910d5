import Modules

/// Ends workflows whose time is over, renews what unfinished ones have reserved, and starts steps that were missed.
struct MaintainWorkflowsJob: Job {
    static let name = "workflows.maintain"

    static let schedule = Schedule(id: name, .every(.minutes(5))) { _, queue, transaction in
        try queue.enqueue(MaintainWorkflowsJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ workflows: WorkflowService) -> Worker {
        Worker(MaintainWorkflowsJob.self) { _, context in
            try await workflows.maintain(context)
            return .done
        }
    }
}
