import Modules
import Secrets

/// Every SQL statement about API keys.
extension Transaction {
    /// Writes a key, unless its owner has as many live ones as anybody may have.
    func insert(_ key: NewAPIKey) throws -> Bool {
        // The owner's row serialises those who would each see room for one more.
        guard try first("SELECT id FROM people WHERE id = \(key.person) \(.forUpdate)") != nil else { return false }
        try forgetDeadKeys(of: key.person)
        return try execute(
            """
            INSERT INTO api_keys (id, person_id, organisation_id, name, prefix, scopes, secret_hash, is_default, created_at, expires_at)
            SELECT \(key.text.id), \(key.person), \(key.organisation), \(key.name), \(key.text.prefix), \(key.scopes.joined(separator: " ")),
                   \(Hex.encode(key.text.hash)), \(key.isDefault), \(now), \(key.expiresAt)
            WHERE (SELECT COUNT(*) FROM api_keys
                   WHERE person_id = \(key.person) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))) < \(APIKey.countMax)
            """
        ) == 1
    }

    /// Keeps the latest dead keys alone, so that making and revoking them over and over fills no table.
    private func forgetDeadKeys(of person: ID<Person>) throws {
        try execute(
            """
            DELETE FROM api_keys WHERE id IN
                (SELECT id FROM api_keys WHERE person_id = \(person) AND (revoked_at IS NOT NULL OR expires_at <= \(now))
                 ORDER BY created_at DESC, id DESC LIMIT 100 OFFSET \(APIKey.deadCountMax))
            """
        )
    }

    /// A key with the hash that its text must have, whosever it is: for the gate, which does not know yet who calls.
    func keyAtTheDoor(_ id: ID<APIKey>) throws -> (key: APIKey, hash: String)? {
        try first(Self.selectKey + "WHERE id = \(id)") { row in
            (key: try APIKey(row: row), hash: try row["secret_hash"])
        }
    }

    func key(_ id: ID<APIKey>, of person: ID<Person>) throws -> APIKey? {
        try first(Self.selectKey + "WHERE id = \(id) AND person_id = \(person) \(.forUpdate)", APIKey.init)
    }

    /// The latest keys of a person, dead ones too until they are pruned.
    func keys(of person: ID<Person>, limit: Int) throws -> [APIKey] {
        try all(
            Self.selectKey + "WHERE person_id = \(person) ORDER BY created_at DESC, id DESC LIMIT \(limit)", APIKey.init
        )
    }

    /// The key that `reset-api-key` would replace.
    func defaultKey(of person: ID<Person>) throws -> APIKey? {
        try first(Self.selectKey + "WHERE person_id = \(person) AND is_default = 1 AND revoked_at IS NULL", APIKey.init)
    }

    func revoke(_ id: ID<APIKey>, of person: ID<Person>, because reason: String) throws -> Bool {
        try execute(
            """
            UPDATE api_keys SET revoked_at = \(now), revoked_because = \(reason) WHERE id = \(id) AND person_id = \(person) AND revoked_at IS NULL
            """
        ) == 1
    }

    /// - Parameter organisation: nil for the keys of every organisation.
    /// - Returns: the keys that were not revoked until now.
    @discardableResult
    func revokeKeys(of person: ID<Person>, in organisation: ID<Organisation>?, because reason: String) throws -> [ID<
        APIKey
    >] {
        let place: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            """
            UPDATE api_keys SET revoked_at = \(now), revoked_because = \(reason) WHERE person_id = \(person) \(place) AND revoked_at IS NULL RETURNING id
            """
        ) { try $0["id"] }
    }

    /// Lets a key end at `end` at the latest and names its successor, if it is live and has none.
    func retire(_ id: ID<APIKey>, of person: ID<Person>, at end: Instant, for successor: ID<APIKey>) throws -> Bool {
        try execute(
            """
            UPDATE api_keys SET successor_id = \(successor), is_default = 0, expires_at = CASE WHEN expires_at < \(end) THEN expires_at ELSE \(end) END
            WHERE id = \(id) AND person_id = \(person) AND successor_id IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
            """
        ) == 1
    }

    func noteUse(of id: ID<APIKey>) throws {
        try execute(
            "UPDATE api_keys SET last_used_at = \(now) WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at < \(now))"
        )
    }

    /// - Returns: how many were deleted.
    func pruneKeys(endedBefore moment: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM api_keys WHERE id IN
                (SELECT id FROM api_keys WHERE revoked_at < \(moment) OR expires_at < \(moment) LIMIT \(count))
            """
        )
    }

    private static var selectKey: SQL {
        """
        SELECT id, person_id, organisation_id, name, prefix, scopes, secret_hash, is_default, created_at, expires_at, revoked_at, last_used_at, successor_id
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
