package import Modules

/// A key that signs access tokens.
///
/// Its states: *next*, published before it signs, so that clients with a cached key set have it in time; *current*
/// while it signs; *previous* until the last token that it signed has expired.
package struct SigningKey: Sendable, Equatable {
    package enum State: String, Sendable, SQLBindable, SQLReadable { case next, current, previous }

    package let id: ID<SigningKey>
    package let algorithm: SigningAlgorithm
    package private(set) var state: State
    package let createdAt: Instant
    /// When it began to sign; for a next key, the earliest time at which it may.
    package private(set) var signsFrom: Instant
    /// The longest lifetime of a token that it signs.
    let tokenLifetime: Duration
    /// For a previous key: when the last token that it signed has expired.
    package private(set) var honouredUntil: Instant?

    /// How long clients may cache the key set: the `max-age` of its `Cache-Control`.
    package static let cacheLifetime: Duration = .minutes(5)
    /// Added to every wait: nodes read a change within a second, and clocks differ.
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

    /// When every cached key set holds a key that was added at `now`.
    static func published(at now: Instant) -> Instant { now + cacheLifetime + margin }

    /// Whether it is a next key that may begin to sign.
    func isDue(at now: Instant) -> Bool { state == .next && now >= signsFrom }

    /// Whether it has signed for `lifetime`, so that a successor is to be published.
    func isOld(at now: Instant, lifetime: Duration) -> Bool { state == .current && now >= signsFrom + lifetime }

    /// Whether an unexpired token can have been signed by it.
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
