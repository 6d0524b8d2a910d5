package import Base

/// Work that is done later, at least once: a row that is written in the transaction that makes it true.
///
/// The value is the row's payload, kept as JSON: ids of what to work on, never copies of it and never secrets.
package protocol Job: Codable, Sendable {
    /// What the kind is called in rows, logs and metrics, such as `training.run`. Never changed once shipped.
    static var name: String { get }
}

/// What an `ID<QueuedJob>` is the id of: one row of the queue.
package struct QueuedJob: Sendable {}

/// When and how a job is to be run.
package struct JobOptions: Sendable {
    /// Lower runs first.
    package var priority: Int
    /// Not before this time; nil means now.
    package var runAt: Instant?
    /// While a job of the same kind and key is unfinished, enqueuing gives that one back.
    package var uniqueKey: String?
    /// Whose job it is, where it is anybody's.
    package var organisation: String?
    /// How many times the job is tried before it is dead.
    package var maximumAttempts: Int

    package init(
        priority: Int = 100,
        runAt: Instant? = nil,
        uniqueKey: String? = nil,
        organisation: String? = nil,
        maximumAttempts: Int = 20
    ) {
        precondition(maximumAttempts >= 1, "a job is tried at least once")
        self.priority = priority
        self.runAt = runAt
        self.uniqueKey = uniqueKey
        self.organisation = organisation
        self.maximumAttempts = maximumAttempts
    }
}
