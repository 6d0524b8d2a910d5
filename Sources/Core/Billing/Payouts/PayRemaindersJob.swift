import Modules

/// Pays out remainders of payouts in whole units, on the first day of each month.
struct PayRemaindersJob: Job {
    static let name = "billing.pay-remainders"

    static func worker(_ remainders: PayoutRemainderService) -> Worker {
        Worker(Self.self) { _, _ in
            try await remainders.payAll()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .cron("30 4 1 * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
