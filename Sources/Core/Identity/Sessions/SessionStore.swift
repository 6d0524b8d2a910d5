package import Modules

/// Every SQL statement about sessions.
extension Transaction {
    /// Inserts a session in the person's personal organisation.
    func insertSession(
        _ id: ID<Session>, of person: Person, sealedKey: String, client: ClientInfo, method: SignInMethod = .password
    ) throws {
        let session = Session(id, of: person.id, in: person.organisation, sealedKey: sealedKey, at: now)
        try execute(
            """
            INSERT INTO sessions (id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at,
                                  created_at, expires_at, method, user_agent, address)
            VALUES (\(session.id), \(session.person), \(session.organisation), \(session.sealedKey), \(session.counter),
                    \(session.rotatedAt), \(session.lastUsedAt), \(now), \(session.expiresAt), \(method),
                    \(client.userAgent.map { String($0.prefix(400)) }), \(client.address))
            """
        )
    }

    /// The session, locked until the transaction ends.
    func session(_ id: ID<Session>) throws -> Session? {
        try first(Self.selectSession + "WHERE id = \(id) \(.forUpdate)", Session.init)
    }

    /// Whether a session has neither ended nor expired.
    package func isLive(_ id: ID<Session>) throws -> Bool { try signInTime(of: id) != nil }

    /// When the live session of a request began with a sign-in; refreshing does not change it.
    /// - Returns: nil for a session that has ended.
    func signInTime(of id: ID<Session>) throws -> Instant? {
        try first("SELECT created_at FROM sessions WHERE id = \(id) AND \(isLiveSession)") { try $0["created_at"] }
    }

    private static var selectSession: SQL {
        """
        SELECT id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at, expires_at, revoked_at
        FROM sessions

        """
    }

    /// Writes an incremented counter, where the stored one is still `counter`.
    func rotate(_ session: Session, from counter: Int64) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET counter = \(session.counter), rotated_at = \(session.rotatedAt),
                last_used_at = \(session.lastUsedAt)
            WHERE id = \(session.id) AND counter = \(counter) AND revoked_at IS NULL
            """
        ) == 1
    }

    @discardableResult
    func revoke(_ id: ID<Session>, because reason: String) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason)
            WHERE id = \(id) AND revoked_at IS NULL
            """
        ) == 1
    }

    /// Ends the live session `id` of `person`.
    /// - Returns: false where the person has no live session of that id.
    func revoke(_ id: ID<Session>, of person: ID<Person>, because reason: String) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason)
            WHERE id = \(id) AND person_id = \(person) AND \(isLiveSession)
            """
        ) == 1
    }

    /// - Parameter kept: a session that is not ended.
    /// - Returns: the sessions that were ended.
    func revokeSessions(of person: ID<Person>, except kept: ID<Session>? = nil, because reason: String) throws
        -> [ID<Session>]
    {
        try all(
            """
            UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason)
            WHERE person_id = \(person) AND revoked_at IS NULL AND id <> \(kept?.text ?? "") RETURNING id
            """
        ) { try $0["id"] }
    }

    func countLiveSessions(of person: ID<Person>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM sessions WHERE person_id = \(person) AND \(isLiveSession)")
    }

    /// The live sessions of a person, the most recently used first.
    func liveSessions(of person: ID<Person>, limit: Int, offset: Int) throws -> [Device] {
        try all(
            Self.selectDevice + """
                WHERE person_id = \(person) AND \(isLiveSession)
                ORDER BY last_used_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
            Device.init
        )
    }

    func device(_ id: ID<Session>) throws -> Device? { try first(Self.selectDevice + "WHERE id = \(id)", Device.init) }

    private static var selectDevice: SQL {
        """
        SELECT id, user_agent, address, created_at, last_used_at, expires_at, method, cookie_hash
        FROM sessions

        """
    }

    /// Neither revoked nor expired.
    var isLiveSession: SQL {
        "revoked_at IS NULL AND expires_at > \(now) AND last_used_at > \(now - Session.idleLifetime)"
    }

    /// - Parameters:
    ///   - since: the earliest time of revocation.
    ///   - last: the last session of the previous batch, which was revoked at `since`; nil for the first batch.
    /// - Returns: at most `limit` sessions, in the order of their revocation.
    func sessionsRevoked(since: Instant, after last: ID<Session>?, limit: Int) throws
        -> [(id: ID<Session>, at: Instant)]
    {
        try all(
            """
            SELECT id, revoked_at FROM sessions
            WHERE revoked_at >= \(since) AND (revoked_at, id) > (\(since), \(last?.text ?? ""))
            ORDER BY revoked_at, id LIMIT \(limit)
            """
        ) { row in
            (id: try row["id"] as ID<Session>, at: try row["revoked_at"] as Instant)
        }
    }

    /// Deletes at most `count` sessions that were revoked or expired before `limit`.
    /// - Returns: how many were deleted.
    func pruneSessions(endedBefore limit: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions
                WHERE revoked_at < \(limit) OR expires_at < \(limit) OR last_used_at < \(limit - Session.idleLifetime)
                ORDER BY id LIMIT \(count)
            )
            """
        )
    }
}
