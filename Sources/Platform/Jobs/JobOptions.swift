package import Base

/// When and how a job runs.
package struct JobOptions: Sendable {
    /// Lower runs first.
    package var priority: Int
    /// The earliest start; nil means now.
    package var runAt: Instant?
    /// While a job of the same kind and key is unfinished, enqueuing returns that one.
    package var uniqueKey: String?
    /// The organisation that owns the job, where one does. Organisations share the slots of ``JobLane/compute`` and
    /// ``JobLane/short``.
    package var organisation: String?
    /// The lane of this job; nil means that of its kind.
    package var lane: JobLane?
    /// The attempts before the job is dead.
    package var maximumAttempts: Int

    package init(
        priority: Int = 100,
        runAt: Instant? = nil,
        uniqueKey: String? = nil,
        organisation: String? = nil,
        lane: JobLane? = nil,
        maximumAttempts: Int = 20
    ) {
        precondition(maximumAttempts >= 1, "a job is tried at least once")
        self.priority = priority
        self.runAt = runAt
        self.uniqueKey = uniqueKey
        self.organisation = organisation
        self.lane = lane
        self.maximumAttempts = maximumAttempts
    }
}
