import Base

/// A leased job.
struct ClaimedJob: Sendable {
    let leaseToken: LeaseToken
    let kind: String
    let lane: JobLane
    let payload: String
    let attempt: Int
    let priority: Int
    let runAt: Instant
}
