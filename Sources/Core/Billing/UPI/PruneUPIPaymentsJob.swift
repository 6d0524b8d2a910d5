import Modules

/// Deletes QR codes that were not paid, ``UPIPayment/unpaidRetention`` after they were shown.
struct PruneUPIPaymentsJob: Job {
    static let name = "billing.prune-upi-payments"
    /// Rows per transaction: a long transaction would delay other writers.
    static let batch = 500

    static let schedule = Schedule(id: name, .cron("41 3 * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(PruneUPIPaymentsJob(), JobOptions(priority: 1_000, uniqueKey: "daily"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(PruneUPIPaymentsJob.self) { _, context in
            repeat {
                try context.checkCancellation()
            } while try await database.write({ transaction in
                try transaction.pruneUnpaidUPIPayments(
                    createdBefore: transaction.now - UPIPayment.unpaidRetention, atMost: batch)
            }) == batch
            return .done
        }
    }
}
