import Modules

/// Deletes keys and invitations that are long over.
struct PruneCredentials: Job {
    static let name = "identity.prune-credentials"
    /// A dead key stays in its owner's list for a while.
    static let keysKept: Duration = .days(90)
    static let invitationsKept: Duration = .days(30)
    fileprivate static let batch = 500
}

extension IdentityModule {
    var credentialPruning: Worker {
        Worker(PruneCredentials.self) { _, context in
            try await inBatches(context) {
                try await database.write {
                    try $0.pruneKeys(endedBefore: $0.now - PruneCredentials.keysKept, atMost: PruneCredentials.batch)
                }
            }
            try await inBatches(context) {
                try await database.write {
                    try $0.pruneInvitations(
                        endedBefore: $0.now - PruneCredentials.invitationsKept, atMost: PruneCredentials.batch)
                }
            }
            return .done
        }
    }

    var credentialPruningSchedule: Schedule {
        Schedule(id: PruneCredentials.name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
            try queue.enqueue(PruneCredentials(), JobOptions(uniqueKey: PruneCredentials.name), in: transaction)
        }
    }

    private func inBatches(_ context: JobContext, _ delete: () async throws -> Int) async throws {
        repeat { try context.checkCancellation() } while try await delete() == PruneCredentials.batch
    }
}
