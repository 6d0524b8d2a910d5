import Modules

/// One signed-in device: a counter that moves with each refresh, and the moments at which it ends.
package struct Session: Sendable {
    let id: ID<Session>
    let person: ID<Person>
    let organisation: ID<Organisation>
    let sealedKey: String
    private(set) var counter: Int64
    private(set) var rotatedAt: Instant
    private(set) var lastUsedAt: Instant
    let expiresAt: Instant
    private(set) var revokedAt: Instant?

    /// A session that nobody refreshed for this long is over.
    static let idleLifetime: Duration = .days(30)
    /// However busy, no session lives longer.
    static let absoluteLifetime: Duration = .days(90)
    /// How long the previous token still gets the same successor: for tabs that race and answers that are lost.
    static let replayWindow: Duration = .seconds(30)

    /// What presenting a refresh token leads to.
    enum Move: Sendable, Equatable {
        /// The current token: the counter moves on.
        case rotate
        /// The previous token within the window: the same successor again.
        case replay
        /// An older token, or the previous one too late: somebody else has a copy.
        case reuse
        /// The session is over.
        case ended
    }

    /// A session that begins now.
    init(
        _ id: ID<Session>, of person: ID<Person>, in organisation: ID<Organisation>, sealedKey: String, at now: Instant
    ) {
        self.id = id
        self.person = person
        self.organisation = organisation
        self.sealedKey = sealedKey
        counter = 0
        rotatedAt = now
        lastUsedAt = now
        expiresAt = now + Self.absoluteLifetime
    }

    /// When it ends if nobody uses it again.
    var endsAt: Instant { min(expiresAt, lastUsedAt + Self.idleLifetime) }

    func isLive(at now: Instant) -> Bool { revokedAt == nil && now < endsAt }

    /// Decides without changing anything; `counter` is that of the token presented.
    func move(presenting counter: Int64, at now: Instant) -> Move {
        guard isLive(at: now) else { return .ended }
        if counter == self.counter { return .rotate }
        if counter == self.counter - 1, now - rotatedAt <= Self.replayWindow { return .replay }
        // A counter ahead of ours was never handed out; with a genuine MAC it can only come from a restored backup, and is no theft.
        return counter > self.counter ? .ended : .reuse
    }

    /// Somebody presents the token of `counter`. After `rotate` and `replay` the token to hand out is that of the session's counter.
    mutating func present(_ counter: Int64, at now: Instant) -> Move {
        let move = move(presenting: counter, at: now)
        switch move {
        case .rotate:
            self.counter += 1
            rotatedAt = now
            // A clock that was set back makes nobody idle.
            lastUsedAt = max(lastUsedAt, now)
        case .reuse: end(at: now)
        case .replay, .ended: break
        }
        return move
    }

    /// - Returns: false for a session that was ended before.
    @discardableResult
    mutating func end(at now: Instant) -> Bool {
        guard revokedAt == nil else { return false }
        revokedAt = now
        return true
    }
}

extension Session {
    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        organisation = try row["organisation_id"]
        sealedKey = try row["sealed_key"]
        counter = try row["counter"]
        rotatedAt = try row["rotated_at"]
        lastUsedAt = try row["last_used_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
    }
}

/// How somebody proved who they are when a session began.
package enum SignInMethod: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case password
    /// A password and a code.
    case secondFactor = "second_factor"
    /// An administrator in the name of somebody else.
    case impersonation
}
