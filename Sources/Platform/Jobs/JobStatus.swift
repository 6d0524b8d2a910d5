package import Base
import Storage

/// Where a job stands.
package enum JobState: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    /// Waits for its time.
    case scheduled
    /// Can be taken up now.
    case available
    /// A worker has it, for as long as it renews its lease.
    case leased
    /// Failed, and waits to be tried again.
    case retryable
    case completed
    /// Failed for good: kept with its errors, and can be redriven.
    case dead
    case cancelled

    /// Whether nothing more will happen to the job.
    package var isFinished: Bool {
        switch self {
        case .scheduled, .available, .leased, .retryable: false
        case .completed, .dead, .cancelled: true
        }
    }
}

/// What can be told about a job to those who wait for it.
package struct JobStatus: Sendable, Equatable {
    package let id: ID<QueuedJob>
    /// The kind, see ``Job/name``.
    package let name: String
    package let organisation: String?
    package let state: JobState
    /// 0…100.
    package let percent: Double
    package let phase: String?
    package let message: String?
    /// How many times the job was taken up, not counting those that were handed back or snoozed.
    package let attempt: Int
    package let maximumAttempts: Int
    package let firstError: String?
    package let lastError: String?
    package let isCancelRequested: Bool
    /// The time it waits for, where it waits.
    package let runAt: Instant
    package let createdAt: Instant
    package let startedAt: Instant?
    package let finishedAt: Instant?
    /// The job that took this dead one's place.
    package let redrivenAs: ID<QueuedJob>?
}

/// How full the queue is.
package struct JobCounts: Sendable, Equatable {
    package var scheduled = 0
    package var available = 0
    package var leased = 0
    package var retryable = 0
    package var dead = 0
    /// How long the job that waits longest could have been running; zero when none waits.
    package var oldestAvailable: Duration = .zero
}
