import Audit
package import Modules

/// Jobs that have failed permanently, for operators.
package struct DeadJobService: Sendable {
    private let database: any Database
    private let queue: JobQueue
    private let audit: AuditService

    /// The jobs of one call.
    package static let jobsMax = 1_000

    package init(_ app: App) { (database, queue, audit) = (app.database, app.queue, app.audit.service) }

    /// Those that were not redriven, the last one first.
    /// - Parameters:
    ///   - kind: only of this kind; nil for all.
    ///   - limit: at most ``jobsMax``.
    package func list(of kind: String? = nil, atMost limit: Int = Self.jobsMax) async throws(Problem) -> [JobStatus] {
        try await database.read { [queue] in try queue.deadJobs(of: kind, atMost: limit, in: $0) }
    }

    /// Enqueues dead jobs again, in one transaction. One that was redriven before is not enqueued a second time.
    /// - Returns: the ids of the new jobs, in the order of `ids`.
    /// - Throws: `not-found` where one of them is not a dead job; then none is enqueued.
    package func redrive(_ ids: [ID<QueuedJob>]) async throws(Problem) -> [ID<QueuedJob>] {
        try await database.write { [queue, audit] transaction in
            try ids.map { id in
                let status = try queue.status(of: id, in: transaction)
                guard let status, let successor = try queue.redrive(id, in: transaction) else {
                    throw Problem(.notFound, detail: "There is no dead job \(id); nothing was enqueued.")
                }
                if status.redrivenAs == nil {
                    try audit.record(
                        AuditEvent(
                            "job.redriven", organisation: status.organisation, subject: id.text,
                            details: ["kind": status.name, "job": successor.text]), in: transaction)
                }
                return successor
            }
        }
    }
}
