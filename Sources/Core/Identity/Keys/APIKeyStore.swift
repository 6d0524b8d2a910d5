import Modules
import Secrets

// The SQL of API keys.
extension Transaction {
    /// Inserts a key.
    /// - Returns: false when its owner has reached the limit of active keys.
    func insert(_ key: NewAPIKey) throws -> Bool {
        // The lock on the owner's row serialises concurrent checks of the limit.
        guard try first("SELECT id FROM people WHERE id = \(key.person) \(.forUpdate)") != nil else { return false }
        try pruneDeadKeys(of: key.person)
        return try execute(
            """
            INSERT INTO api_keys (
                id, person_id, organisation_id, name, prefix, scopes, secret_hash, is_default, created_at, expires_at)
            SELECT \(key.text.id), \(key.person), \(key.organisation), \(key.name), \(key.text.prefix),
                \(key.scopes.joined(separator: " ")), \(Hex.encode(key.text.hash)), \(key.isDefault), \(now),
                \(key.expiresAt)
            WHERE (
                SELECT COUNT(*) FROM api_keys
                WHERE person_id = \(key.person) AND revoked_at IS NULL
                    AND (expires_at IS NULL OR expires_at > \(now))) < \(APIKey.countMax)
            """
        ) == 1
    }

    /// Deletes all but the newest dead keys, which bounds the rows of a person who creates and revokes keys repeatedly.
    private func pruneDeadKeys(of person: ID<Person>) throws {
        try execute(
            """
            DELETE FROM api_keys WHERE id IN (
                SELECT id FROM api_keys
                WHERE person_id = \(person) AND (revoked_at IS NOT NULL OR expires_at <= \(now))
                ORDER BY created_at DESC, id DESC LIMIT 100 OFFSET \(APIKey.deadCountMax))
            """
        )
    }

    /// A key of any person with the hash of its text: for authentication.
    func keyWithHash(_ id: ID<APIKey>) throws -> (key: APIKey, hash: String)? {
        try first(Self.selectKey + "WHERE id = \(id)") { row in
            (key: try APIKey(row: row), hash: try row["secret_hash"])
        }
    }

    /// The key, locked.
    func key(_ id: ID<APIKey>, of person: ID<Person>) throws -> APIKey? {
        try first(Self.selectKey + "WHERE id = \(id) AND person_id = \(person) \(.forUpdate)", APIKey.init)
    }

    /// The newest keys of a person, including dead ones until they are pruned.
    func keys(of person: ID<Person>, limit: Int) throws -> [APIKey] {
        try all(
            Self.selectKey + "WHERE person_id = \(person) ORDER BY created_at DESC, id DESC LIMIT \(limit)", APIKey.init
        )
    }

    /// The key that `reset-api-key` replaces.
    func defaultKey(of person: ID<Person>) throws -> APIKey? {
        try first(Self.selectKey + "WHERE person_id = \(person) AND is_default = 1 AND revoked_at IS NULL", APIKey.init)
    }

    /// - Returns: false for a key of another person, and for a revoked one.
    func revoke(_ id: ID<APIKey>, of person: ID<Person>, because reason: String) throws -> Bool {
        try execute(
            """
            UPDATE api_keys SET revoked_at = \(now), revoked_because = \(reason)
            WHERE id = \(id) AND person_id = \(person) AND revoked_at IS NULL
            """
        ) == 1
    }

    /// - Parameter organisation: nil revokes the keys of every organisation.
    /// - Returns: the keys that this call revoked.
    @discardableResult
    func revokeKeys(
        of person: ID<Person>, in organisation: ID<Organisation>?, because reason: String
    ) throws -> [ID<APIKey>] {
        let condition: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            """
            UPDATE api_keys SET revoked_at = \(now), revoked_because = \(reason)
            WHERE person_id = \(person) \(condition) AND revoked_at IS NULL RETURNING id
            """
        ) { try $0["id"] }
    }

    /// Sets the successor of an active key and limits its expiry to `end`.
    /// - Returns: false for a key that is expired, revoked or rotated.
    func retire(_ id: ID<APIKey>, of person: ID<Person>, at end: Instant, for successor: ID<APIKey>) throws -> Bool {
        try execute(
            """
            UPDATE api_keys SET successor_id = \(successor), is_default = 0,
                expires_at = CASE WHEN expires_at < \(end) THEN expires_at ELSE \(end) END
            WHERE id = \(id) AND person_id = \(person) AND successor_id IS NULL AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > \(now))
            """
        ) == 1
    }

    func noteUse(of id: ID<APIKey>) throws {
        try execute(
            """
            UPDATE api_keys SET last_used_at = \(now)
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at < \(now))
            """
        )
    }

    /// Deletes keys that expired or were revoked before `moment`.
    /// - Returns: the number of deleted rows.
    func pruneKeys(endedBefore moment: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM api_keys WHERE id IN (
                SELECT id FROM api_keys WHERE revoked_at < \(moment) OR expires_at < \(moment) LIMIT \(count))
            """
        )
    }

    private static var selectKey: SQL {
        """
        SELECT id, person_id, organisation_id, name, prefix, scopes, secret_hash, is_default, created_at, expires_at,
            revoked_at, last_used_at, successor_id
        FROM api_keys

        """
    }
}

extension APIKey {
    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        organisation = try row["organisation_id"]
        name = try row["name"]
        prefix = try row["prefix"]
        scopes = try row.read("scopes", as: String.self).split(separator: " ").map(String.init)
        isDefault = try row["is_default"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
        lastUsedAt = try row["last_used_at"]
        successor = try row["successor_id"]
    }
}
