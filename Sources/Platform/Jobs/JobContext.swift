package import Base
package import Telemetry

/// A worker's access to its running job.
package struct JobContext: Sendable {
    package let id: ID<QueuedJob>
    /// 1 the first time.
    package let attempt: Int
    /// Grows with each lease of the job: external systems can refuse a worker with an older fence.
    package let fence: Int64
    package let logger: Logger

    let runningJob: RunningJob

    /// Does not block, and can be called from any thread.
    /// - Throws: ``JobCancelled`` when the worker has to stop: its job was cancelled, its lease was lost, or the
    ///   process is stopping.
    package func checkCancellation() throws {
        if let reason = runningJob.stopReason { throw JobCancelled(reason: reason) }
    }

    /// Reports progress, and renews the lease. It is written at most four times a second; a report in between is
    /// written by a timer or at the end of the job.
    /// - Parameters:
    ///   - percent: clamped to 0…100; a report with NaN is ignored.
    ///   - phase: at most 100 characters are kept.
    ///   - message: at most 500 characters are kept.
    package func report(percent: Double, phase: String, message: String? = nil) async {
        guard let progress = JobProgress(percent: percent, phase: phase, message: message) else { return }
        await runningJob.report(progress)
    }
}

/// The reported progress of a job.
struct JobProgress: Sendable, Equatable {
    static let phaseMax = 100
    static let messageMax = 500

    let percent: Double
    let phase: String
    let message: String?

    /// - Returns: nil when `percent` is not a number.
    init?(percent: Double, phase: String, message: String?) {
        guard !percent.isNaN else { return nil }
        self.percent = min(max(percent, 0), 100)
        self.phase = FailedAttempt.bounded(phase, to: Self.phaseMax)
        self.message = message.map { FailedAttempt.bounded($0, to: Self.messageMax) }
    }
}
