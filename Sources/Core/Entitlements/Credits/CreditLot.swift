import Identity
package import Modules

/// Credits that were granted together, counted by state; the five counts always add up to `granted`.
package struct CreditLot: Sendable, Hashable {
    package enum Origin: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// They expire with the trial.
        case trial
        case grant
        /// Granted by an administrator's correction.
        case correction
    }

    /// The state of a credit: a count of its lot, and an account of its organisation.
    enum State: String, Sendable, CaseIterable { case available, reserved, consumed, expired, reversed }

    package let id: ID<CreditLot>
    let organisation: ID<Organisation>
    let origin: Origin
    /// The id of the subscription or payment that the credits belong to.
    let source: String?
    let granted: Int64
    let available: Int64
    let reserved: Int64
    let consumed: Int64
    let expired: Int64
    let reversed: Int64
    /// The moment from which the credits cannot be spent; nil for never.
    let expiresAt: Instant?
    let createdAt: Instant

    func isExpired(at now: Instant) -> Bool { expiresAt.map { $0 <= now } ?? false }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        origin = try row["origin"]
        source = try row["source"]
        granted = try row["granted"]
        available = try row["available"]
        reserved = try row["reserved"]
        consumed = try row["consumed"]
        expired = try row["expired"]
        reversed = try row["reversed"]
        expiresAt = try row["expires_at"]
        createdAt = try row["created_at"]
    }
}
