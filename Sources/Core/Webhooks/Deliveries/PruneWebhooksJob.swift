import Modules

/// Deletes deliveries and events after ``WebhookDelivery/retention``, endpoints that were deleted, and secrets that a
/// rotation has replaced.
struct PruneWebhooksJob: Job {
    static let name = "webhooks.prune"
    /// Rows per transaction: a long transaction would delay other writers.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("17 * * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneWebhooksJob(), JobOptions(priority: 1_000, uniqueKey: "prune"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneWebhooksJob.self) { _, context in
            try await database.write { try $0.deleteEndedWebhookSecrets() }
            try await deleting(in: database, context) { transaction in
                try transaction.pruneWebhookDeliveries(
                    createdBefore: transaction.now - WebhookDelivery.retention, atMost: batch)
            }
            try await deleting(in: database, context) { transaction in
                try transaction.pruneWebhookEvents(
                    createdBefore: transaction.now - WebhookDelivery.retention, atMost: batch)
            }
            try await deleting(in: database, context) { try $0.pruneWebhookEndpoints(atMost: batch) }
            return .done
        }
    }

    /// - Parameter delete: deletes at most ``batch`` rows, and returns how many.
    private static func deleting(
        in database: any Database, _ context: JobContext, _ delete: @escaping @Sendable (Transaction) throws -> Int
    ) async throws {
        repeat {
            try context.checkCancellation()
        } while try await database.write({ try delete($0) }) == batch
    }
}
