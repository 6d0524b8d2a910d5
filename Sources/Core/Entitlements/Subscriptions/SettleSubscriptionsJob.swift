import Modules

/// Writes the end of trials, cancelled periods and scheduled plan changes, and sends trial reminders.
struct SettleSubscriptionsJob: Job {
    static let name = "entitlements.settle-subscriptions"

    static func worker(_ trials: TrialService) -> Worker {
        Worker(Self.self) { _, _ in
            try await trials.settleAll()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .every(.minutes(1))) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
