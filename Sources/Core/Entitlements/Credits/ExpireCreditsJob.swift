import Modules

/// Ends holds whose lease has ended, and expires lots.
struct ExpireCreditsJob: Job {
    static let name = "entitlements.expire-credits"

    static func worker(_ expiry: CreditExpiryService) -> Worker {
        Worker(Self.self) { _, _ in
            try await expiry.settleAll()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
