import Modules

/// Deletes counters and places that are out of memory, so that the tables hold no more than a day of failures and what people use.
struct PruneLoginFailures: Job {
    static let name = "sign-in.forget"
    private static let batch = 500
    /// Counters that are looked at in one transaction.
    private static let failuresBatch = 5_000

    static let schedule = Schedule(id: name, .cron("23 * * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneLoginFailures(), JobOptions(priority: 1_000, uniqueKey: "hourly"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneLoginFailures.self) { _, context in
            var last: String? = ""
            while let place = last {
                try context.checkCancellation()
                last = try await database.write {
                    try $0.deleteFailures(before: $0.now - FailureCount.memory, after: place, among: failuresBatch)
                }
            }
            try await inBatches(context) {
                try await database.write {
                    try $0.deleteFamiliarPlaces(before: $0.now - KnownDevice.memory, atMost: batch)
                }
            }
            return .done
        }
    }

    private static func inBatches(_ context: JobContext, _ delete: () async throws -> Int) async throws {
        repeat { try context.checkCancellation() } while try await delete() == batch
    }
}
