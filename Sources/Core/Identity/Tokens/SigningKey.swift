package import Modules

/// A key that access tokens are signed with. Its life: published as *next* before it signs, so that nobody who caches our keys meets
/// a signature of one that they have not seen; *current* while it signs; *previous* until the last token that it signed has run out.
package struct SigningKey: Sendable, Equatable {
    package enum State: String, Sendable, SQLBindable, SQLReadable { case next, current, previous }

    package let id: ID<SigningKey>
    package let algorithm: SigningAlgorithm
    package private(set) var state: State
    package let createdAt: Instant
    /// Since when it signs; for a next key, the moment from which it may.
    package private(set) var signsFrom: Instant
    /// No token that it signs lives longer.
    let tokenLifetime: Duration
    /// For a previous key: when the last token that it signed has run out.
    package private(set) var honouredUntil: Instant?

    /// How long clients may keep our key set: what `Cache-Control` announces.
    package static let cacheLifetime: Duration = .minutes(5)
    /// Nodes learn of a change within a second, and clocks differ: whatever waits for others waits this much longer.
    static let margin: Duration = .minutes(1)

    init(
        _ id: ID<SigningKey>, _ algorithm: SigningAlgorithm, _ state: State, createdAt: Instant, signsFrom: Instant,
        tokenLifetime: Duration,
        honouredUntil: Instant? = nil
    ) {
        self.id = id
        self.algorithm = algorithm
        self.state = state
        self.createdAt = createdAt
        self.signsFrom = signsFrom
        self.tokenLifetime = tokenLifetime
        self.honouredUntil = honouredUntil
    }

    /// When a key that is published at `now` is known to everybody.
    static func known(publishedAt now: Instant) -> Instant { now + cacheLifetime + margin }

    /// Whether it may begin to sign: a next key that everybody has had the time to hear of.
    func isDue(at now: Instant) -> Bool { state == .next && now >= signsFrom }

    /// Whether it has signed for so long that a successor is to be published.
    func isOld(at now: Instant, lifetime: Duration) -> Bool { state == .current && now >= signsFrom + lifetime }

    /// Whether a token of its can still be good.
    func isHonoured(at now: Instant) -> Bool {
        switch state {
        case .next, .current: true
        case .previous: honouredUntil.map { now < $0 } ?? false
        }
    }

    mutating func activate(at now: Instant) {
        precondition(state == .next, "only a next key becomes current")
        state = .current
        signsFrom = now
    }

    mutating func retire(at now: Instant) {
        precondition(state == .current, "only a current key becomes previous")
        state = .previous
        honouredUntil = now + tokenLifetime + Self.margin
    }
}
