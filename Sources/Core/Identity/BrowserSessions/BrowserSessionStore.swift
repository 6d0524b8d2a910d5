import Modules

/// The SQL of sessions whose credential is a cookie.
extension Transaction {
    /// Binds an unused session to a cookie.
    /// - Returns: false for a session that was refreshed, bound or revoked before.
    func bind(_ id: ID<Session>, toCookie hash: String) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET cookie_hash = \(hash)
            WHERE id = \(id) AND counter = 0 AND cookie_hash IS NULL AND revoked_at IS NULL
            """
        ) == 1
    }

    /// - Returns: the session and the hash of its cookie's secret; nil for a session without a cookie.
    func browserSession(_ id: ID<Session>) throws -> (session: Session, hash: String)? {
        try first(
            """
            SELECT id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at, expires_at,
                   revoked_at, cookie_hash
            FROM sessions WHERE id = \(id) AND cookie_hash IS NOT NULL
            """
        ) { row in (session: try Session(row: row), hash: try row["cookie_hash"]) }
    }

    /// Sets the time of a session's last use.
    func touch(_ id: ID<Session>) throws {
        try execute(
            """
            UPDATE sessions SET last_used_at = \(now)
            WHERE id = \(id) AND last_used_at < \(now) AND revoked_at IS NULL
            """
        )
    }
}
