import Modules

/// Makes the due transitions of signing keys.
struct SigningKeyRotationJob: Job {
    static let name = "identity.rotate-keys"

    /// Every five minutes it is checked whether a transition is due; only then a job is enqueued.
    static func schedule(_ signingKeys: SigningKeyService) -> Schedule {
        Schedule(id: name, .every(.minutes(5))) { _, queue, transaction in
            guard try transaction.isKeyRotationDue(lifetime: signingKeys.keyLifetime) else { return }
            try queue.enqueue(SigningKeyRotationJob(), JobOptions(uniqueKey: name), in: transaction)
        }
    }

    static func worker(_ signingKeys: SigningKeyService) -> Worker {
        Worker(SigningKeyRotationJob.self) { _, _ in
            try await signingKeys.makeDueTransitions()
            return .done
        }
    }
}
