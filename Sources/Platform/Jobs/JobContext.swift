package import Base
package import Telemetry

/// What a worker knows about the job in its hands, and whom it tells how far it is.
package struct JobContext: Sendable {
    package let id: ID<QueuedJob>
    /// 1 the first time.
    package let attempt: Int
    /// Grows whenever the job changes hands: systems outside can refuse a worker that comes with an older one.
    package let fence: Int64
    package let logger: Logger

    let hold: RunningJob

    /// Throws once the worker is to stop: its job was cancelled, its lease was lost, or the process is stopping. Never blocks, and can be
    /// called from any thread.
    package func checkCancellation() throws {
        if let reason = hold.stopReason { throw JobCancelled(reason: reason) }
    }

    /// Says how far the work is. Written at once, or, where that would be more than four times a second, a moment later; the last one
    /// always is. Also renews the lease.
    package func report(percent: Double, phase: String, message: String? = nil) async {
        guard let progress = JobProgress(percent: percent, phase: phase, message: message) else { return }
        await hold.report(progress)
    }
}

/// How far a job is.
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
