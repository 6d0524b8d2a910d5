import Entitlements
import Identity
import Modules

/// A code that gives a plan for a time, once.
///
/// | state | event | next |
/// |---|---|---|
/// | active | redeemed | used |
/// | active | revoked by an administrator | revoked |
/// | active | its last day has passed | expired |
/// | used, revoked, expired | anything | the same |
struct AccessCode: Sendable, Hashable {
    enum State: String, Sendable, Codable, CaseIterable { case active, used, revoked, expired }

    let id: ID<AccessCode>
    /// The last four characters, by which administrators tell codes apart.
    let hint: String
    let plan: Plan.ID
    /// For how long the plan is given.
    let days: Int64
    /// Until when the code can be redeemed.
    let expiresAt: Instant
    /// Of the administrator who made it.
    let note: String?
    let revokedAt: Instant?
    let usedAt: Instant?
    /// The organisation that has redeemed it; a pseudonym after its erasure.
    let usedBy: ID<Organisation>?
    let createdAt: Instant

    func state(at now: Instant) -> State {
        if usedAt != nil { return .used }
        if revokedAt != nil { return .revoked }
        return now < expiresAt ? .active : .expired
    }
}
