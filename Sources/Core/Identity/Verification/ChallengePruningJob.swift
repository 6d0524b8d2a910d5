import Modules

/// Deletes challenges that were sent more than ``Challenge/kept`` ago.
struct ChallengePruningJob: Job {
    static let name = "identity.prune-challenges"
    private static let batch = 1_000

    static let schedule = Schedule(id: name, .every(.days(1))) { _, queue, transaction in
        try queue.enqueue(ChallengePruningJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static var worker: Worker {
        Worker(ChallengePruningJob.self) { _, _ in
            .done { transaction in
                while try transaction.pruneChallenges(limit: batch) == batch {}
            }
        }
    }
}
