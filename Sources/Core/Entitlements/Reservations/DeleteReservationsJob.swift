import Modules

/// Deletes reservations that were settled long ago.
struct DeleteReservationsJob: Job {
    static let name = "entitlements.delete-reservations"

    static func worker(_ settled: SettledReservationService) -> Worker {
        Worker(Self.self) { _, _ in
            try await settled.deleteOld()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
