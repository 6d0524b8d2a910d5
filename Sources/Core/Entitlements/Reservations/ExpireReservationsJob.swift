import Modules

/// Settles reservations whose lease has ended, and deletes rows of dead nodes.
struct ExpireReservationsJob: Job {
    static let name = "entitlements.expire-reservations"

    static func worker(_ recovery: ReservationRecovery, _ nodes: NodeRegistry) -> Worker {
        Worker(Self.self) { _, _ in
            try await recovery.recover()
            try await nodes.prune()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
