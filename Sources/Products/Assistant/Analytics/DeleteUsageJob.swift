import Modules

/// Deletes the numbers of analytics whose retention has ended.
struct DeleteUsageJob: Job {
    static let name = "assistant.delete-usage"

    static let schedule = Schedule(id: name, .every(.hours(1))) { _, queue, transaction in
        try queue.enqueue(DeleteUsageJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ analytics: AnalyticsService) -> Worker {
        Worker(DeleteUsageJob.self) { _, context in
            try await analytics.deleteOld(context)
            return .done
        }
    }
}
