import Modules

/// A requested erasure of a person's account and data.
struct Erasure: Sendable {
    let id: ID<Erasure>
    let person: ID<Person>
    let requestedAt: Instant
    let dueAt: Instant
    /// The time at which the sessions were revoked; an erasure that has begun cannot be cancelled.
    let begunAt: Instant?

    /// Whether it was due before and could not begin.
    var wasPostponed: Bool { dueAt > requestedAt + Self.grace }

    /// The time within which the person can cancel.
    static let grace: Duration = .days(14)
    /// The time between the revocation of the sessions and the erasure: every node refuses the person's access tokens
    /// by then.
    static let revocationDelay: Duration = .minutes(1)
    /// The postponement of an erasure that would leave an organisation without an owner, the installation without an
    /// administrator, or money without its owner.
    static let postponement: Duration = .days(1)
}
