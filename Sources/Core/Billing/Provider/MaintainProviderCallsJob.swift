import Modules

/// Enqueues the jobs of calls again that have lost theirs, and deletes settled calls 90 days after their end.
struct MaintainProviderCallsJob: Job {
    static let name = "billing.maintain-provider-calls"
    static let retention = Duration.days(90)
    /// Rows per transaction.
    static let batch = 500

    static let schedule = Schedule(id: name, .every(.minutes(10))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ calls: ProviderCallService, _ database: any Database) -> Worker {
        Worker(Self.self) { _, context in
            try await database.write { transaction in
                for call in try transaction.overdueProviderCalls(limit: batch) {
                    try calls.resume(call, in: transaction)
                }
            }
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneProviderCalls(settledBefore: transaction.now - retention, atMost: batch)
            }) == batch
            return .done
        }
    }
}
