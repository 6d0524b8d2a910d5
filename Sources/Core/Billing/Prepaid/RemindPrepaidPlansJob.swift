import Modules

/// Reminds owners before the end of a plan that was paid for in advance, and tells them of the end.
struct RemindPrepaidPlansJob: Job {
    static let name = "billing.remind-prepaid-plans"

    static let schedule = Schedule(id: name, .every(.minutes(10))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ plans: PrepaidPlanService) -> Worker {
        Worker(Self.self) { _, _ in
            try await plans.remindAll()
            return .done
        }
    }
}
