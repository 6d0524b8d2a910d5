import Modules

/// The period of an account that was closed or erased, or has another address now.
struct RetainedPeriod: Sendable {
    let addressHash: String
    let anchor: Instant
    let endsAt: Instant
    /// Until when the trial counts as used; nil where there was none.
    let trialEndsAt: Instant?
}

extension RetainedPeriod {
    init(row: Row) throws {
        addressHash = try row["address_hash"]
        anchor = try row["anchor_at"]
        endsAt = try row["period_ends_at"]
        trialEndsAt = try row["trial_ends_at"]
    }
}
