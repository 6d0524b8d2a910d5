package import Base
import Storage

/// The state of a job.
package enum JobState: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    /// Waits for its due time.
    case scheduled
    /// Can be claimed.
    case available
    /// Runs, as long as its worker renews the lease.
    case leased
    /// Failed, and waits for a retry.
    case retryable
    case completed
    /// Failed permanently: kept with its errors, and can be redriven.
    case dead
    case cancelled

    /// Whether the state is final.
    package var isFinished: Bool {
        switch self {
        case .scheduled, .available, .leased, .retryable: false
        case .completed, .dead, .cancelled: true
        }
    }
}

/// The status of a job for its callers.
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
    /// The leases of the job, without those that were handed back or snoozed.
    package let attempt: Int
    package let maximumAttempts: Int
    package let firstError: String?
    package let lastError: String?
    package let isCancelRequested: Bool
    /// The due time of a waiting job.
    package let runAt: Instant
    package let createdAt: Instant
    package let startedAt: Instant?
    package let finishedAt: Instant?
    /// The new job that this dead one was redriven as.
    package let redrivenAs: ID<QueuedJob>?
}

/// The unfinished and dead jobs of the queue, by lane.
package struct JobCounts: Sendable, Equatable {
    /// Lanes without a job are absent.
    package var lanes: [JobLane: LaneCounts] = [:]

    package var available: Int { sum(\.available) }
    package var leased: Int { sum(\.leased) }
    package var dead: Int { sum(\.dead) }

    private func sum(_ count: KeyPath<LaneCounts, Int>) -> Int { lanes.values.map { $0[keyPath: count] }.reduce(0, +) }
}

/// The unfinished and dead jobs of a lane, by state.
package struct LaneCounts: Sendable, Equatable {
    package var scheduled = 0
    package var available = 0
    package var leased = 0
    package var retryable = 0
    package var dead = 0
    /// The time since the earliest due time of the available jobs; zero without any.
    package var oldestAvailable: Duration = .zero
}
