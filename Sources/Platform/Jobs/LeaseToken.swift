import Base

/// The proof of a lease: valid as long as the job's fence is this one.
struct LeaseToken: Hashable, Sendable {
    let id: ID<QueuedJob>
    let fence: Int64
}
