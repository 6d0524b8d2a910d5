import Modules

/// Deletes greetings 30 days after they were ordered.
struct PruneGreetingsJob: Job {
    static let name = "greetings.prune"
    static let retention = Duration.days(30)
    /// Rows per transaction: a long transaction would delay other writers.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("23 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneGreetingsJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneGreetingsJob.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneGreetings(createdBefore: transaction.now - retention, atMost: batch)
            }) == batch
            return .done
        }
    }
}
