import Modules

/// Deletes messages that are older than the retention of their family, and tickets that have expired.
struct TopicPruningJob: Job {
    static let name = "realtime.prune"
    /// Topics, and tickets, of one transaction: a long transaction would delay other writers.
    static let batch = 50

    static let schedule = Schedule(id: name, .cron("*/5 * * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(TopicPruningJob(), JobOptions(priority: 1_000, uniqueKey: "prune"), in: transaction)
    }

    static func worker(_ topics: TopicService, _ database: any Database) -> Worker {
        Worker(TopicPruningJob.self) { _, context in
            for family in topics.families {
                repeat {
                    try context.checkCancellation()
                } while try await database.write({ transaction in
                    let old = try transaction.topicsWithMessages(
                        of: family.name, createdBefore: transaction.now - family.retention.age, atMost: batch)
                    for (topic, sequence) in old { try transaction.deleteMessages(of: topic, upTo: sequence) }
                    return old.count
                }) == batch
            }
            repeat {
                try context.checkCancellation()
            } while try await database.write({ try $0.deleteExpiredTickets(atMost: batch) }) == batch
            return .done
        }
    }
}
