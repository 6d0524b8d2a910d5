package import Modules
package import Secrets

/// Who did what, to what, with which outcome: one row an event, written in the transaction of the change that it tells of, and
/// linked to the row before it so that no row can be changed, taken away or put in without a trace.
package struct AuditModule: Module {
    let runtime: Runtime
    let keys: AuditKeys
    let database: any Database
    let logger: Logger

    package init(database: any Database, sealer: Sealer, logger: Logger, runtime: Runtime) {
        self.database = database
        self.logger = logger
        self.runtime = runtime
        keys = AuditKeys(sealer: sealer)
    }

    package static let migrations = AuditSchema.migrations
    package var migrations: [Migration] { Self.migrations }
    package var workers: [Worker] { [checkpointWorker] }
    package var schedules: [Schedule] { [checkpointSchedule] }

    /// Writes one event; it is there if and only if the transaction commits.
    package func record(_ event: AuditEvent, in transaction: Transaction) throws {
        try record(event, id: runtime.id(), at: transaction.now, in: transaction)
    }

    func record(_ event: AuditEvent, id: ID<AuditEvent>, at instant: Instant, in transaction: Transaction) throws {
        let place = try transaction.takeAuditPlace(preferring: Int64(runtime.randomBytes(1)[0]))
        var row = try AuditRow(event, id: id, at: instant, place: place, salt: Hex.encode(runtime.randomBytes(16)))
        row.hash = row.link(after: place.previous)
        row.seal = keys.seal(of: row.hash)
        try transaction.insert(row)
    }
}
