import Modules

/// Ends and prunes calls of tools, and ends idle processes of servers.
struct MaintainToolExecutionsJob: Job {
    static let name = "assistant.maintain-tools"

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(MaintainToolExecutionsJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ executions: ToolExecutionService) -> Worker {
        Worker(MaintainToolExecutionsJob.self) { _, context in
            try await executions.maintain(context)
            return .done
        }
    }
}
