import Modules

/// Signs a checkpoint of the audit trail: every minute, on one node.
struct AuditCheckpointJob: Job {
    static let name = "audit.checkpoint"

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        let options = JobOptions(priority: 10, uniqueKey: "checkpoint", maximumAttempts: 3)
        try queue.enqueue(AuditCheckpointJob(), options, in: transaction)
    }

    static func worker(_ checkpoints: AuditCheckpointService) -> Worker {
        Worker(Self.self) { _, _ in
            try await checkpoints.sign()
            return .done
        }
    }
}
