import Modules

/// Every SQL statement about signing keys.
extension Transaction {
    /// All keys with their sealed secrets: the next, the current, and the previous ones, latest first.
    func signingKeys() throws -> [SealedSigningKey] {
        try all(Self.selectSigningKeys) { row in
            SealedSigningKey(key: try SigningKey(row: row), sealed: try row["sealed_private_key"])
        }
    }

    /// All keys, locked until the transaction ends.
    func lockedSigningKeys() throws -> [SigningKey] {
        try all(Self.selectSigningKeys + " \(.forUpdate)", SigningKey.init)
    }

    private static var selectSigningKeys: SQL {
        """
        SELECT id, algorithm, sealed_private_key, state, created_at, signs_from, token_lifetime, honoured_until
        FROM signing_keys
        ORDER BY CASE state WHEN 'next' THEN 0 WHEN 'current' THEN 1 ELSE 2 END, created_at DESC, id DESC
        """
    }

    /// - Returns: false where another transaction has inserted a key of that state.
    func insert(_ key: SigningKey, sealed: String) throws -> Bool {
        try execute(
            """
            INSERT INTO signing_keys (id, algorithm, sealed_private_key, state, created_at, signs_from,
                                      token_lifetime, honoured_until)
            VALUES (\(key.id), \(key.algorithm), \(sealed), \(key.state), \(key.createdAt), \(key.signsFrom),
                    \(key.tokenLifetime.microseconds), \(key.honouredUntil))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Writes a transition, where the key is still in `state`.
    func update(_ key: SigningKey, from state: SigningKey.State) throws -> Bool {
        try execute(
            """
            UPDATE signing_keys
            SET state = \(key.state), signs_from = \(key.signsFrom), honoured_until = \(key.honouredUntil)
            WHERE id = \(key.id) AND state = \(state)
            """
        ) == 1
    }

    /// Raises the token lifetime of keys that sign. A lower setting changes nothing: tokens of the longer one exist.
    func raiseTokenLifetime(to lifetime: Duration) throws {
        try execute(
            """
            UPDATE signing_keys SET token_lifetime = \(lifetime.microseconds)
            WHERE state <> 'previous' AND token_lifetime < \(lifetime.microseconds)
            """
        )
    }

    /// Deletes the next key, which has not signed.
    func discardNextSigningKey() throws -> ID<SigningKey>? {
        try first("DELETE FROM signing_keys WHERE state = 'next' RETURNING id")?["id"]
    }

    /// Deletes previous keys whose tokens have expired.
    func deleteExpiredSigningKeys() throws -> [ID<SigningKey>] {
        try all("DELETE FROM signing_keys WHERE state = 'previous' AND honoured_until <= \(now) RETURNING id") {
            try $0["id"]
        }
    }

    /// Whether a transition of signing keys is due.
    /// - Parameter lifetime: how long a key signs; nil for ever.
    func isKeyRotationDue(lifetime: Duration?) throws -> Bool {
        let keys = try signingKeys().map(\.key)
        let isOld =
            lifetime.map { lifetime in
                keys.contains { $0.isOld(at: now, lifetime: lifetime) } && !keys.contains { $0.state == .next }
            } ?? false
        return isOld || keys.contains { $0.isDue(at: now) || !$0.isHonoured(at: now) }
    }
}

extension SigningKey {
    fileprivate init(row: Row) throws {
        self.init(
            try row["id"],
            try row["algorithm"],
            try row["state"],
            createdAt: try row["created_at"],
            signsFrom: try row["signs_from"],
            tokenLifetime: .microseconds(try row.read("token_lifetime", as: Int64.self)),
            honouredUntil: try row["honoured_until"]
        )
    }
}

/// A signing key with its encrypted private key.
struct SealedSigningKey: Sendable {
    let key: SigningKey
    let sealed: String
}
