import Modules

/// Deletes API keys and invitations some time after their end: once a day.
struct CredentialPruningJob: Job {
    static let name = "identity.prune-credentials"
    /// How long the key list shows an expired or revoked key.
    static let keysKept: Duration = .days(90)
    static let invitationsKept: Duration = .days(30)
    private static let batchSize = 500

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(CredentialPruningJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(Self.self) { _, context in
            try await inBatches(context) {
                try await database.write { try $0.pruneKeys(endedBefore: $0.now - keysKept, atMost: batchSize) }
            }
            try await inBatches(context) {
                try await database.write {
                    try $0.pruneInvitations(expiredBefore: $0.now - invitationsKept, atMost: batchSize)
                }
            }
            return .done
        }
    }

    private static func inBatches(_ context: JobContext, _ delete: () async throws -> Int) async throws {
        repeat { try context.checkCancellation() } while try await delete() == batchSize
    }
}
