import Base
import Storage

/// Deletes what nobody asks about any more, in small batches, so that nobody waits for it.
enum Pruning {
    static let jobsKept = Duration.days(14)
    static let ticksKept = Duration.days(30)
    static let batch = 500

    private struct PruneJobs: Job {
        static let name = "jobs.prune"
    }

    static let schedule = Schedule(id: "jobs.prune", .cron("17 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneJobs(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneJobs.self) { _, context in
            try await inBatches(context) {
                try await database.write { try $0.pruneJobs(finishedBefore: $0.now - jobsKept, atMost: batch) }
            }
            try await inBatches(context) {
                try await database.write { try $0.pruneTicks(firedBefore: $0.now - ticksKept, atMost: batch) }
            }
            return .done
        }
    }

    private static func inBatches(_ context: JobContext, _ delete: () async throws -> Int) async throws {
        repeat { try context.checkCancellation() } while try await delete() == batch
    }
}
