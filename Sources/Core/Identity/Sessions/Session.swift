import Modules

/// A sign-in on one device: a counter that each refresh increments, and the times of its end.
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

    /// A session that is not refreshed for this long ends.
    static let idleLifetime: Duration = .days(30)
    /// The longest lifetime of a session, however often it is refreshed.
    static let absoluteLifetime: Duration = .days(90)
    /// How long the previous token gets the same successor again: for concurrent tabs and lost responses.
    static let replayWindow: Duration = .seconds(30)

    /// The effect of a presented refresh token.
    enum Move: Sendable, Equatable {
        /// The current token: the counter is incremented.
        case rotate
        /// The previous token within the window: the same successor again.
        case replay
        /// An older token, or the previous one after the window: the token was copied.
        case reuse
        /// The session has ended.
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

    /// When it ends unless it is used again.
    var endsAt: Instant { min(expiresAt, lastUsedAt + Self.idleLifetime) }

    func isLive(at now: Instant) -> Bool { revokedAt == nil && now < endsAt }

    /// The move of a presented token, without making it.
    /// - Parameter counter: of the presented token.
    func move(presenting counter: Int64, at now: Instant) -> Move {
        guard isLive(at: now) else { return .ended }
        if counter == self.counter { return .rotate }
        if counter == self.counter - 1, now - rotatedAt <= Self.replayWindow { return .replay }
        // A greater counter with a genuine MAC can only come from before a backup was restored: not a reuse.
        return counter > self.counter ? .ended : .reuse
    }

    /// Makes the move of a presented token. After `rotate` and `replay` the token of the session's counter is returned
    /// to the client.
    /// - Parameter counter: of the presented token.
    mutating func present(_ counter: Int64, at now: Instant) -> Move {
        let move = move(presenting: counter, at: now)
        switch move {
        case .rotate:
            self.counter += 1
            rotatedAt = now
            // Not moved back by a clock that was set back.
            lastUsedAt = max(lastUsedAt, now)
        case .reuse: end(at: now)
        case .replay, .ended: break
        }
        return move
    }

    /// - Returns: false for a session that has ended before.
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

/// How a session's person was authenticated.
package enum SignInMethod: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case password
    /// A password and a code.
    case secondFactor = "second_factor"
    /// An administrator who acts as the person.
    case impersonation
}
