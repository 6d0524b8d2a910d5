import Base
import Storage

/// Deletes finished jobs and fired ticks after their retention, daily, in small batches, so that no other write waits
/// long.
struct PruneJobsJob: Job {
    static let name = "jobs.prune"

    static let jobRetention = Duration.days(14)
    static let tickRetention = Duration.days(30)
    static let batch = 500

    static let schedule = Schedule(id: "jobs.prune", .cron("17 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneJobsJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneJobsJob.self) { _, context in
            try await inBatches(context) {
                try await database.write { try $0.pruneJobs(finishedBefore: $0.now - jobRetention, atMost: batch) }
            }
            try await inBatches(context) {
                try await database.write { try $0.pruneTicks(firedBefore: $0.now - tickRetention, atMost: batch) }
            }
            return .done
        }
    }

    private static func inBatches(_ context: JobContext, _ delete: () async throws -> Int) async throws {
        repeat { try context.checkCancellation() } while try await delete() == batch
    }
}
