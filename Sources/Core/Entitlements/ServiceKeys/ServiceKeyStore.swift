import Identity
import Modules
import Secrets

/// All SQL about service keys. They belong to the installation, so that no query names an organisation.
extension Transaction {
    /// - Returns: false when the limit of active keys is reached.
    func insert(_ key: NewServiceKey) throws -> Bool {
        try execute(
            """
            DELETE FROM service_keys
            WHERE revoked_at < \(now - ServiceKey.endedKept) OR expires_at < \(now - ServiceKey.endedKept)
            """
        )
        return try execute(
            """
            INSERT INTO service_keys (
                id, origin_id, name, prefix, scopes, organisations, meters, secret_hash, created_at, created_by,
                expires_at
            )
            SELECT \(key.text.id), \(key.origin), \(key.name), \(key.text.prefix),
                \(key.scopes.map(\.rawValue).joined(separator: " ")),
                \(key.organisations?.map(\.text).joined(separator: " ")), \(key.meters?.joined(separator: " ")),
                \(Hex.encode(key.text.hash)), \(now), \(key.createdBy), \(key.expiresAt)
            WHERE (
                SELECT COUNT(*) FROM service_keys
                WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
            ) < \(ServiceKey.countMax)
            """
        ) == 1
    }

    /// The key with the hash of its text: for authentication.
    func serviceKeyWithHash(_ id: ID<ServiceKey>) throws -> (key: ServiceKey, hash: String)? {
        try first(Self.selectServiceKey + "WHERE id = \(id)") { row in
            (key: try ServiceKey(row: row), hash: try row["secret_hash"])
        }
    }

    /// Those of `keys` that have neither been revoked nor expired since the gate found them: the work may have waited
    /// for a body. The rows are not locked, because nothing depends on the order of a key's work and its end.
    func validServiceKeys(_ keys: Set<ID<ServiceKey>>) throws -> Set<ID<ServiceKey>> {
        Set(
            try all(
                """
                SELECT id FROM service_keys
                WHERE id IN \(list: Array(keys)) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
                """
            ) { try $0["id"] })
    }

    /// As ``validServiceKeys(_:)``, of one request.
    /// - Throws: `authentication-failed`.
    func requireServiceKey(of scope: ServiceScope) throws {
        guard try !validServiceKeys([scope.key.id]).isEmpty else { throw Problem.serviceKeyEnded }
    }

    /// The row is locked until the transaction ends.
    func serviceKey(_ id: ID<ServiceKey>) throws -> ServiceKey? {
        try first(Self.selectServiceKey + "WHERE id = \(id) \(.forUpdate)", ServiceKey.init)
    }

    /// Newest first, with the keys that have ended until they are deleted.
    func serviceKeys(limit: Int) throws -> [ServiceKey] {
        try all(Self.selectServiceKey + "ORDER BY created_at DESC, id DESC LIMIT \(limit)", ServiceKey.init)
    }

    /// - Returns: false for a key that is unknown or revoked.
    func revokeServiceKey(_ id: ID<ServiceKey>) throws -> Bool {
        try execute("UPDATE service_keys SET revoked_at = \(now) WHERE id = \(id) AND revoked_at IS NULL") == 1
    }

    /// Sets the successor of an active key and limits its expiry to `end`.
    /// - Returns: false for a key that is expired, revoked or rotated.
    func retireServiceKey(_ id: ID<ServiceKey>, at end: Instant, for successor: ID<ServiceKey>) throws -> Bool {
        try execute(
            """
            UPDATE service_keys SET successor_id = \(successor),
                expires_at = CASE WHEN expires_at < \(end) THEN expires_at ELSE \(end) END
            WHERE id = \(id) AND successor_id IS NULL AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > \(now))
            """
        ) == 1
    }

    func noteUse(ofServiceKey id: ID<ServiceKey>) throws {
        try execute(
            """
            UPDATE service_keys SET last_used_at = \(now)
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at < \(now))
            """
        )
    }

    func hasOrganisation(_ id: ID<Organisation>) throws -> Bool {
        try first("SELECT id FROM organisations WHERE id = \(id)") != nil
    }

    private static var selectServiceKey: SQL {
        """
        SELECT id, origin_id, name, prefix, scopes, organisations, meters, secret_hash, created_at, expires_at,
            revoked_at, last_used_at, successor_id
        FROM service_keys

        """
    }
}

extension Problem {
    /// A service key that is valid no longer.
    static var serviceKeyEnded: Problem {
        Problem(
            .authenticationFailed, members: ["details": "the service key is not valid any more"],
            headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
    }
}

extension ServiceKey {
    init(row: Row) throws {
        func words(_ column: String) throws -> [String]? {
            try row.read(column, as: String?.self)?.split(separator: " ").map(String.init)
        }
        id = try row["id"]
        origin = try row["origin_id"]
        name = try row["name"]
        prefix = try row["prefix"]
        // A scope that a later version wrote is not granted by this one.
        scopes = try words("scopes")?.compactMap(Scope.init) ?? []
        organisations = try words("organisations")?.map { ID(trusted: $0) }
        meters = try words("meters")
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        revokedAt = try row["revoked_at"]
        lastUsedAt = try row["last_used_at"]
        successor = try row["successor_id"]
    }
}
