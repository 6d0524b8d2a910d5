import Modules

/// Deletes what has reached its age: forms of visitors, sessions of the planner, shared plans, chat messages, counts.
struct PruneMarketplaceJob: Job {
    static let name = "marketplace.prune"
    /// Rows per transaction: a long transaction would delay other writers.
    static let batch = 500
    /// Of counts by day and by month.
    private static let countRetention = Duration.days(400)

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneMarketplaceJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneMarketplaceJob.self) { _, context in
            for table in Self.tables {
                repeat {
                    try context.checkCancellation()
                } while try await database.write({ try $0.prune(table, atMost: batch) }) == batch
            }
            try await database.write { transaction in
                let oldest = CalendarDate(transaction.now - countRetention)
                try transaction.execute("DELETE FROM marketplace_submission_counts WHERE day < \(oldest)")
                try transaction.execute("DELETE FROM marketplace_iterations WHERE month < \(oldest.month)")
            }
            return .done
        }
    }

    /// Tables, the columns of their ages, and the ages.
    fileprivate static let tables: [(name: SQL, column: SQL, age: Duration)] = [
        ("marketplace_submissions", "created_at", SubmissionKind.retention),
        ("marketplace_planner_sessions", "updated_at", PlannerSession.retention),
        ("marketplace_plan_shares", "expires_at", .zero),
        ("marketplace_chat_messages", "created_at", ChatMessage.retention),
    ]
}

extension Transaction {
    /// - Returns: the number of deleted rows, at most `limit`.
    fileprivate func prune(_ table: (name: SQL, column: SQL, age: Duration), atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM \(table.name) WHERE id IN (
                SELECT id FROM \(table.name) WHERE \(table.column) < \(now - table.age)
                ORDER BY \(table.column) LIMIT \(limit))
            """
        )
    }
}
