import Modules

/// Deletes expired failure counters and known devices: the tables hold the failures of a day and the devices in use.
struct LoginFailurePruningJob: Job {
    static let name = "identity.prune-login-failures"
    /// Rows a transaction.
    private static let deviceBatch = 500
    private static let failureBatch = 5_000

    static let schedule = Schedule(id: name, .cron("23 * * * *", timeZone: "UTC")) { _, queue, transaction in
        try queue.enqueue(LoginFailurePruningJob(), JobOptions(priority: 1_000, uniqueKey: "hourly"), in: transaction)
    }

    static func worker(_ database: any Database) -> Worker {
        Worker(LoginFailurePruningJob.self) { _, context in
            var last: String? = ""
            while let key = last {
                try context.checkCancellation()
                last = try await database.write {
                    try $0.deleteFailures(before: $0.now - FailureCount.retention, after: key, among: failureBatch)
                }
            }
            repeat {
                try context.checkCancellation()
            } while try await database.write({
                try $0.deleteKnownDevices(before: $0.now - KnownDevice.retention, atMost: deviceBatch)
            }) == deviceBatch
            return .done
        }
    }
}
