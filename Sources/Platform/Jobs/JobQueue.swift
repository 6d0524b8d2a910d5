package import Base
import Foundation
package import Storage
import Synchronization

/// The queue's interface for services: jobs are enqueued, read and cancelled in the caller's own transaction.
package final class JobQueue: Sendable {
    /// A payload holds ids of what to work on, not the data itself.
    static let payloadBytesMax = 256 << 10
    /// How long a lost signal can delay a runner or a task that waits for a job's end.
    package static let repairInterval = Duration.seconds(5)

    let notifier = JobNotifier()
    private let repairInterval: Duration
    private let ids: JobIDs
    private let subscription = Mutex<DatabaseSubscription?>(nil)

    package init(runtime: Runtime, repairInterval: Duration = JobQueue.repairInterval) {
        ids = JobIDs(runtime: runtime)
        self.repairInterval = repairInterval
    }

    /// Exchanges signals with the other processes on `database` until it closes. ``JobRunner/run()`` does so itself; a
    /// process without a runner, which only enqueues, calls it at its start. Further calls have no effect.
    package func connect(to database: any Database) {
        subscription.withLock { subscription in
            if subscription == nil { subscription = database.subscribe { [notifier] in notifier.receive($0) } }
        }
    }

    /// Inserts a job, which exists once `transaction` has committed. A runner claims it within 20 ms of the commit when
    /// it is due and a slot is free.
    /// - Returns: the id of the new job, or of the unfinished one of the same kind and unique key.
    @discardableResult
    package func enqueue<Work: Job>(_ job: Work, _ options: JobOptions = .init(), in transaction: Transaction) throws
        -> ID<QueuedJob>
    {
        try enqueue(
            kind: Work.name, lane: options.lane ?? Work.lane, payload: Self.payload(of: job), options, in: transaction)
    }

    /// Cancels a job. A waiting job is cancelled at once. For a running job the request is recorded and its worker gets
    /// it within ``JobRunner/Settings/cancellationPoll``; a job that completes before that is completed.
    /// - Returns: `cancelled` when this call cancelled the job, so that the caller releases what was reserved for it;
    ///   `leased` when its worker's `abandoned` will release it; nil when the job does not exist or has ended.
    package func cancel(_ id: ID<QueuedJob>, in transaction: Transaction) throws -> JobState? {
        let state = try transaction.cancelJob(id)
        if state == .cancelled { notifier.signalEnd(of: id, in: transaction) }
        return state
    }

    /// Cancels jobs whose workers find by themselves that their work is not wanted any more, as ``cancel(_:in:)``, but
    /// without waiting: a job whose row another transaction has locked, because it claims the job or ends it, stays. So
    /// a transaction can call it under a lock for which the ends of these jobs wait.
    package func stop(_ ids: [ID<QueuedJob>], in transaction: Transaction) throws {
        for id in try transaction.stopJobs(ids) { notifier.signalEnd(of: id, in: transaction) }
    }

    /// - Returns: nil when the job does not exist or was pruned.
    package func status(of id: ID<QueuedJob>, in transaction: Transaction) throws -> JobStatus? {
        try transaction.jobStatus(id)
    }

    /// Dead jobs that were not redriven, the last one first.
    /// - Parameter kind: only of this kind; nil for all.
    package func deadJobs(of kind: String? = nil, atMost limit: Int, in transaction: Transaction) throws -> [JobStatus]
    {
        try transaction.deadJobs(of: kind, atMost: limit)
    }

    /// Waits until a job has ended. The response comes within 20 ms of the commit that ends it.
    /// - Parameter limit: how long to wait.
    /// - Returns: the status of the ended job; the current status after `limit` or when the task is cancelled; nil when
    ///   the job does not exist.
    package func end(of id: ID<QueuedJob>, within limit: Duration, in database: any Database) async throws(Problem)
        -> JobStatus?
    {
        let deadline = ContinuousClock.now + limit
        // Before the first read, so that an end after the read is signalled.
        let waiter = notifier.addWaiter(for: id)
        defer { notifier.remove(waiter, for: id) }
        while true {
            let status = try await database.read { try $0.jobStatus(id) }
            guard let status, !status.state.isFinished else { return status }
            let remaining = deadline - .now
            guard remaining > .zero else { return status }
            await waiter.wait(atMost: min(remaining, repairInterval))
            if Task.isCancelled { return status }
        }
    }

    /// Enqueues a dead job again, as a new job with the same payload. A second call returns the same new job.
    /// - Returns: the new job's id; nil when `id` is not a dead job.
    package func redrive(_ id: ID<QueuedJob>, in transaction: Transaction) throws -> ID<QueuedJob>? {
        guard let dead = try transaction.deadJob(id) else { return nil }
        if let successor = dead.redrivenAs { return successor }
        let successor = try enqueue(
            kind: dead.kind, lane: dead.lane, payload: dead.payload, dead.options, in: transaction)
        try transaction.markRedriven(id, as: successor)
        return successor
    }

    package func counts(in transaction: Transaction) throws -> JobCounts {
        try transaction.jobCounts()
    }

    private func enqueue(
        kind: String, lane: JobLane, payload: String, _ options: JobOptions, in transaction: Transaction
    ) throws -> ID<QueuedJob> {
        let id = ids.next()
        let queued = try transaction.insertJob(id, kind: kind, lane: lane, payload: payload, options)
        if queued == id { notifier.signalQueued(kind, lane, in: transaction) }
        return queued
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

/// A payload above the bound: a programming error.
package struct JobPayloadFault: Error, CustomStringConvertible {
    package let kind: String
    package let bytes: Int

    package var description: String {
        "a job '\(kind)' has a payload of \(bytes) bytes; \(JobQueue.payloadBytesMax) are allowed"
    }
}
