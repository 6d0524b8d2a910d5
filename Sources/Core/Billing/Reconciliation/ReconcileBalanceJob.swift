import Modules

/// Compares the provider's balance transactions with the ledger every night.
struct ReconcileBalanceJob: Job {
    static let name = "billing.reconcile-balance"
    static let lane = JobLane.outbound

    static func worker(_ reconciliation: ReconciliationService) -> Worker {
        Worker(Self.self) { _, _ in
            try await reconciliation.compare()
            try await reconciliation.prune()
            return .done
        }
    }

    static let schedule = Schedule(id: name, .cron("20 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(Self(), JobOptions(uniqueKey: name), in: transaction)
    }
}
