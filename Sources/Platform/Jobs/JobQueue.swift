package import Base
import Foundation
package import Storage

/// The door to the queue for everybody who wants work done: jobs go in, are watched and are stopped in the caller's own transaction.
package struct JobQueue: Sendable {
    /// A payload names what to work on; whoever needs more room than this is putting the work itself into it.
    static let payloadBytesMax = 256 << 10

    let arrivals = JobNotifier()
    private let ids: JobIDs

    package init(runtime: Runtime) {
        ids = JobIDs(runtime: runtime)
    }

    /// Adds a job that exists once `transaction` has committed, and not otherwise.
    /// - Returns: the id of the new job, or of the unfinished one of the same kind and unique key.
    @discardableResult
    package func enqueue<Work: Job>(_ job: Work, _ options: JobOptions = .init(), in transaction: Transaction) throws
        -> ID<QueuedJob>
    {
        try enqueue(kind: Work.name, payload: Self.payload(of: job), options, in: transaction)
    }

    /// Stops a job. One that waits is cancelled at once; one that runs is told at its worker's next heartbeat, and
    /// completes all the same when it does so before it hears of it.
    /// - Returns: `cancelled` when this call cancelled the job, so that the caller releases what was held for it; `leased` when its
    ///   worker is told and its `abandoned` will release it; nil when there was nothing to stop.
    package func cancel(_ id: ID<QueuedJob>, in transaction: Transaction) throws -> JobState? {
        try transaction.cancelJob(id)
    }

    /// - Returns: nil when there is no such job (any more).
    package func status(of id: ID<QueuedJob>, in transaction: Transaction) throws -> JobStatus? {
        try transaction.jobStatus(id)
    }

    /// Gives a dead job another life, as a new job with the same payload. Doing so twice makes one job.
    /// - Returns: the new job's id; nil when `id` is not a dead job.
    package func redrive(_ id: ID<QueuedJob>, in transaction: Transaction) throws -> ID<QueuedJob>? {
        guard let dead = try transaction.deadJob(id) else { return nil }
        if let successor = dead.redrivenAs { return successor }
        let successor = try enqueue(kind: dead.kind, payload: dead.payload, dead.options, in: transaction)
        try transaction.markRedriven(id, as: successor)
        return successor
    }

    package func counts(in transaction: Transaction) throws -> JobCounts {
        try transaction.jobCounts()
    }

    private func enqueue(kind: String, payload: String, _ options: JobOptions, in transaction: Transaction) throws
        -> ID<QueuedJob>
    {
        let id = ids.next()
        let kept = try transaction.insertJob(id, kind: kind, payload: payload, options)
        // Runners look again a moment later too, because this transaction has not committed yet.
        if kept == id, options.runAt.map({ $0 <= transaction.now }) ?? true { arrivals.announce() }
        return kept
    }

    private static func payload(of job: some Job) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = try encoder.encode(job)
        guard bytes.count <= payloadBytesMax else {
            throw JobPayloadFault(kind: type(of: job).name, bytes: bytes.count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A payload that is larger than a payload should ever be: a mistake of ours.
package struct JobPayloadFault: Error, CustomStringConvertible {
    package let kind: String
    package let bytes: Int

    package var description: String {
        "a job '\(kind)' has a payload of \(bytes) bytes; \(JobQueue.payloadBytesMax) are allowed"
    }
}
