import Modules

/// Deletes sessions that ended 30 days ago. The audit trail keeps their events.
struct SessionPruningJob: Job {
    static let name = "identity.prune-sessions"
    /// How long an ended session is kept, for investigations.
    static let kept = Duration.days(30)
    /// Sessions a transaction: short transactions, so that other writers do not wait.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(SessionPruningJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(SessionPruningJob.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneSessions(endedBefore: transaction.now - kept, atMost: batch)
            }) == batch
            return .done
        }
    }
}
