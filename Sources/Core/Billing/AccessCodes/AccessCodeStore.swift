import Entitlements
import Identity
import Modules

/// The SQL of access codes.
extension Transaction {
    func insert(_ code: AccessCode, digest: String, by person: ID<Person>) throws {
        try execute(
            """
            INSERT INTO access_codes (id, digest, hint, plan_id, days, expires_at, note, created_by, created_at)
            VALUES (\(code.id), \(digest), \(code.hint), \(code.plan), \(code.days), \(code.expiresAt), \(code.note),
                    \(person), \(code.createdAt))
            """
        )
    }

    /// Redeems a code: one guarded statement. Of two transactions with one code, one does.
    /// - Returns: nil where it is not active.
    func useAccessCode(digest: String, by organisation: ID<Organisation>) throws -> AccessCode? {
        try first(
            """
            UPDATE access_codes SET used_at = \(now), used_by = \(organisation)
            WHERE digest = \(digest) AND used_at IS NULL AND revoked_at IS NULL AND expires_at > \(now)
            RETURNING *
            """,
            AccessCode.init
        )
    }

    /// - Returns: false where it is not active.
    func revokeAccessCode(_ id: ID<AccessCode>) throws -> Bool {
        try execute(
            """
            UPDATE access_codes SET revoked_at = \(now)
            WHERE id = \(id) AND used_at IS NULL AND revoked_at IS NULL AND expires_at > \(now)
            """
        ) == 1
    }

    func accessCode(digest: String) throws -> AccessCode? {
        try first("SELECT * FROM access_codes WHERE digest = \(digest)", AccessCode.init)
    }

    func accessCode(_ id: ID<AccessCode>) throws -> AccessCode? {
        try first("SELECT * FROM access_codes WHERE id = \(id)", AccessCode.init)
    }

    func accessCodes(in state: AccessCode.State?, limit: Int, offset: Int) throws -> (rows: [AccessCode], total: Int64)
    {
        let condition: SQL =
            switch state {
            case nil: .always
            case .used: "used_at IS NOT NULL"
            case .revoked: "revoked_at IS NOT NULL"
            case .active: "used_at IS NULL AND revoked_at IS NULL AND expires_at > \(now)"
            case .expired: "used_at IS NULL AND revoked_at IS NULL AND expires_at <= \(now)"
            }
        let rows = try all(
            """
            SELECT * FROM access_codes WHERE \(condition)
            ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
            """,
            AccessCode.init)
        return (rows, try count(of: "access_codes", where: condition))
    }

    /// - Returns: the number of deleted codes, at most `limit`.
    func pruneAccessCodes(endedBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM access_codes WHERE id IN (
                SELECT id FROM access_codes WHERE created_at < \(time) AND expires_at < \(time)
                    AND COALESCE(used_at, revoked_at, expires_at) < \(time)
                ORDER BY created_at LIMIT \(limit))
            """
        )
    }

    /// Replaces an organisation by a pseudonym: the code stays used.
    func renameAccessCodeUser(_ organisation: ID<Organisation>, to pseudonym: String) throws {
        try execute("UPDATE access_codes SET used_by = \(pseudonym) WHERE used_by = \(organisation)")
    }
}

extension AccessCode {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        hint = try row["hint"]
        plan = try row["plan_id"]
        days = try row["days"]
        expiresAt = try row["expires_at"]
        note = try row["note"]
        revokedAt = try row["revoked_at"]
        usedAt = try row["used_at"]
        usedBy = try row["used_by"]
        createdAt = try row["created_at"]
    }
}
