import Modules

/// Submits the workflows of schedules whose time has come.
struct RunSchedulesJob: Job {
    static let name = "workflows.run-schedules"

    /// The resolution of cron expressions.
    static let schedule = Schedule(id: name, .cron("* * * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(RunSchedulesJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ schedules: WorkflowScheduleService) -> Worker {
        Worker(RunSchedulesJob.self) { _, context in
            try await schedules.run(context)
            return .done
        }
    }
}
