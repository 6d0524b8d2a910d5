import Base
import Storage
import Synchronization
import Telemetry

/// A job that runs in this process: its lease, its progress, and its stop reason.
final class RunningJob: Sendable {
    /// At most four writes of progress a second.
    static let reportInterval = Duration.milliseconds(250)

    private struct State {
        var stopReason: JobCancelled.Reason?
        var work: Task<JobOutcome, any Error>?
        var throttle = ProgressThrottle()
        var heartbeatAt = ContinuousClock.now
    }

    let job: ClaimedJob
    private let database: any Database
    private let lease: Duration
    private let runtime: Runtime
    private let logger: Logger
    /// Whether throttled progress is written by a timer; without one it is written with the next report or at the end.
    private let usesTimer: Bool
    private let state = Mutex(State())

    init(_ job: ClaimedJob, database: any Database, lease: Duration, runtime: Runtime, logger: Logger, usesTimer: Bool)
    {
        self.job = job
        self.database = database
        self.lease = lease
        self.runtime = runtime
        self.logger = logger
        self.usesTimer = usesTimer
    }

    var stopReason: JobCancelled.Reason? { state.withLock { $0.stopReason } }

    /// Stops the worker: `checkCancellation` throws, and its task is cancelled. The first reason stays, except that a
    /// lost lease overrides the others, because it discards the worker's effects.
    func stop(_ reason: JobCancelled.Reason) {
        let work = state.withLock { state in
            if state.stopReason == nil || reason == .leaseLost { state.stopReason = reason }
            return state.work
        }
        work?.cancel()
    }

    /// Registers the worker's task for ``stop(_:)``.
    func attach(_ work: Task<JobOutcome, any Error>) {
        let isStopped = state.withLock { state in
            state.work = work
            return state.stopReason != nil
        }
        if isStopped { work.cancel() }
    }

    func report(_ progress: JobProgress) async {
        let now = runtime.now()
        switch state.withLock({ $0.throttle.accept(progress, at: now) }) {
        case .write: await write(progress)
        case .writeLater(let delay) where usesTimer:
            Task {
                try? await Task.sleep(for: delay)
                await flush()
            }
        case .writeLater, .kept: break
        }
    }

    /// Reported progress that is not written yet, for the statement that ends the job.
    var unwritten: JobProgress? { state.withLock { $0.throttle.pending } }

    /// Applies the result of a renewal.
    /// - Parameter heartbeat: nil when the lease was lost.
    func apply(_ heartbeat: Heartbeat?) {
        guard let heartbeat else { return stop(.leaseLost) }
        state.withLock { $0.heartbeatAt = .now }
        if heartbeat.isCancelRequested { stop(.requested) }
    }

    /// The time since the last successful renewal, by this machine's monotonic clock.
    var timeSinceHeartbeat: Duration { state.withLock { ContinuousClock.now - $0.heartbeatAt } }

    /// Ends the timer's writes.
    func end() { state.withLock { $0.throttle.end() } }

    private func flush() async {
        let now = runtime.now()
        guard let progress = state.withLock({ $0.throttle.takePending(at: now) }) else { return }
        await write(progress)
    }

    private func write(_ progress: JobProgress) async {
        do {
            let (job, lease) = (self.job, self.lease)
            apply(try await database.write { try $0.reportProgress(progress, of: job.leaseToken, lease: lease) })
        } catch {
            // The work continues. The statement that ends the job writes the progress.
            state.withLock { $0.throttle.restore(progress) }
            logger.warning("progress was not written", metadata: ["cause": "\(error)"])
        }
    }
}

/// Decides when progress is written: at most once in ``RunningJob/reportInterval``. A pure value.
struct ProgressThrottle {
    enum Verdict: Equatable {
        case write
        /// The progress is pending; the caller starts a timer.
        case writeLater(Duration)
        /// The progress is pending; a timer runs already.
        case kept
    }

    private(set) var pending: JobProgress?
    private var lastWrite: Instant?
    private var isTimed = false
    private var isEnded = false

    mutating func accept(_ progress: JobProgress, at now: Instant) -> Verdict {
        if isEnded { return .kept }
        // After the clock was set back, a time before the last write counts as an interval after it.
        if let lastWrite, now >= lastWrite, now - lastWrite < RunningJob.reportInterval {
            pending = progress
            if isTimed { return .kept }
            isTimed = true
            return .writeLater(RunningJob.reportInterval - (now - lastWrite))
        }
        pending = nil
        lastWrite = now
        return .write
    }

    mutating func takePending(at now: Instant) -> JobProgress? {
        isTimed = false
        guard !isEnded, let progress = pending else { return nil }
        pending = nil
        lastWrite = now
        return progress
    }

    mutating func restore(_ progress: JobProgress) { if pending == nil { pending = progress } }

    mutating func end() { isEnded = true }
}
