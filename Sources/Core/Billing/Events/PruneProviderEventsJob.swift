import Modules

/// Deletes events 90 days after they came, and the versions of objects 90 days after their last change.
struct PruneProviderEventsJob: Job {
    static let name = "billing.prune-provider-events"
    /// Longer than the provider keeps and repeats an event.
    static let retention = Duration.days(90)
    /// Rows per transaction.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(priority: 1_000, uniqueKey: name), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(Self.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneProviderEvents(receivedBefore: transaction.now - retention, atMost: batch)
            }) == batch
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneProviderObjects(touchedBefore: transaction.now - retention, atMost: batch)
            }) == batch
            return .done
        }
    }
}
