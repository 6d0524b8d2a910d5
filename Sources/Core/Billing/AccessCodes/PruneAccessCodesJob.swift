import Modules

/// Deletes access codes three years after their end.
struct PruneAccessCodesJob: Job {
    static let name = "billing.prune-access-codes"
    static let retention = Duration.days(3 * 365)
    /// Rows per transaction: a long transaction would delay other writers.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(Self.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneAccessCodes(endedBefore: transaction.now - retention, atMost: batch)
            }) == batch
            return .done
        }
    }
}
