import Modules

/// Every SQL statement about sessions.
extension Transaction {
    func insertSession(_ id: ID<Session>, of person: Person, sealedKey: String, visitor: Visitor) throws {
        try execute(
            """
            INSERT INTO sessions (id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at, created_at, expires_at, user_agent, address)
            VALUES (\(id), \(person.id), \(person.organisation), \(sealedKey), 0, \(now), \(now), \(now),
                    \(now + Session.absoluteLifetime), \(visitor.userAgent.map { String($0.prefix(400)) }), \(visitor.address))
            """
        )
    }

    func session(_ id: ID<Session>) throws -> Session? {
        try first(
            """
            SELECT id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at, expires_at, revoked_at
            FROM sessions WHERE id = \(id) \(.forUpdate)
            """,
            Session.init
        )
    }

    /// Moves the counter on, if it still stands where the caller saw it.
    func rotate(_ session: Session) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET counter = counter + 1, rotated_at = \(now), last_used_at = \(now)
            WHERE id = \(session.id) AND counter = \(session.counter) AND revoked_at IS NULL
            """
        ) == 1
    }

    @discardableResult
    func revoke(_ id: ID<Session>, because reason: String) throws -> Bool {
        try execute("UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason) WHERE id = \(id) AND revoked_at IS NULL") == 1
    }

    /// - Returns: the sessions that were live until now.
    func revokeSessions(of person: ID<Person>, because reason: String) throws -> [ID<Session>] {
        try all(
            """
            UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason)
            WHERE person_id = \(person) AND revoked_at IS NULL RETURNING id
            """
        ) { try $0["id"] }
    }

    func sessionsRevoked(since: Instant) throws -> [(id: ID<Session>, at: Instant)] {
        try all("SELECT id, revoked_at FROM sessions WHERE revoked_at >= \(since) ORDER BY revoked_at LIMIT 100000") { row in
            (id: try row["id"] as ID<Session>, at: try row["revoked_at"] as Instant)
        }
    }
}
