import Modules

/// Enqueues an ``ErasureJob`` for every due erasure: every five minutes.
struct DueErasuresJob: Job {
    static let name = "privacy.find-due-erasures"
    /// Erasures per run.
    private static let batchSize = 500

    static let schedule = Schedule(id: name, .every(.minutes(5))) { _, queue, transaction in
        try queue.enqueue(DueErasuresJob(), JobOptions(uniqueKey: name), in: transaction)
    }

    static func worker(_ queue: JobQueue) -> Worker {
        Worker(Self.self) { _, _ in
            .done { transaction in
                for erasure in try transaction.dueErasures(limit: batchSize) {
                    try queue.enqueue(
                        ErasureJob(erasure: erasure), JobOptions(uniqueKey: erasure.text), in: transaction)
                }
            }
        }
    }
}
