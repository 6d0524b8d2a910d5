import Base
import Storage
import Synchronization
import Telemetry

/// A job in the hands of this process: its lease, its progress, and whether it is to stop.
final class RunningJob: Sendable {
    /// No more than four writes of progress a second.
    static let reportInterval = Duration.milliseconds(250)

    private struct State {
        var stopReason: JobCancelled.Reason?
        var work: Task<JobOutcome, any Error>?
        var throttle = ProgressThrottle()
        var heardAt = ContinuousClock.now
    }

    let job: ClaimedJob
    private let database: any Database
    private let lease: Duration
    private let runtime: Runtime
    private let logger: Logger
    /// Whether progress that came too soon is written by a timer; without one it is written with the next report or at the end.
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

    /// Tells the worker to stop: through `checkCancellation`, and by cancelling its task. The first reason stays, except that a lost lease
    /// overrides the others, since it discards what the worker did.
    func stop(_ reason: JobCancelled.Reason) {
        let work = state.withLock { state in
            if state.stopReason == nil || reason == .leaseLost { state.stopReason = reason }
            return state.work
        }
        work?.cancel()
    }

    /// Ties the worker's task to this hold, so that ``stop(_:)`` reaches it.
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

    /// What was reported and not yet written, for the statement that ends the job.
    var unwritten: JobProgress? { state.withLock { $0.throttle.pending } }

    /// What a heartbeat found.
    func heard(_ beat: Heartbeat?) {
        guard let beat else { return stop(.leaseLost) }
        state.withLock { $0.heardAt = .now }
        if beat.isCancelRequested { stop(.requested) }
    }

    /// How long ago the database last said that the lease holds, by this machine's own clock.
    var timeSinceHeard: Duration { state.withLock { ContinuousClock.now - $0.heardAt } }

    /// No timer writes after this.
    func end() { state.withLock { $0.throttle.end() } }

    private func flush() async {
        let now = runtime.now()
        guard let progress = state.withLock({ $0.throttle.takePending(at: now) }) else { return }
        await write(progress)
    }

    private func write(_ progress: JobProgress) async {
        do {
            let (job, lease) = (self.job, self.lease)
            heard(try await database.write { try $0.reportProgress(progress, of: job.leaseToken, lease: lease) })
        } catch {
            // Progress is a courtesy: the work goes on without it. The statement that ends the job still knows it.
            state.withLock { $0.throttle.putBack(progress) }
            logger.warning("progress was not written", metadata: ["cause": "\(error)"])
        }
    }
}

/// When progress is written: at once, then no sooner than an interval after the last time. A pure value.
struct ProgressThrottle {
    enum Verdict: Equatable {
        case write
        /// Keep it; whoever reads this is to come back after a while.
        case writeLater(Duration)
        /// Keep it; somebody will come back already.
        case kept
    }

    private(set) var pending: JobProgress?
    private var lastWrite: Instant?
    private var isTimed = false
    private var isEnded = false

    mutating func accept(_ progress: JobProgress, at now: Instant) -> Verdict {
        if isEnded { return .kept }
        // A clock that was set back must not silence a job for hours: a time before the last write counts as long after it.
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

    mutating func putBack(_ progress: JobProgress) { if pending == nil { pending = progress } }

    mutating func end() { isEnded = true }
}
