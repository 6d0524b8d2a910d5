import Modules
import Secrets

/// A key that access tokens are signed with, or were until lately.
struct SigningKey: Sendable {
    let id: ID<SigningKey>
    let privatePEM: String
    let isCurrent: Bool

    /// The keys of this installation; the first start makes one.
    static func loadOrMake(from database: any Database, sealer: Sealer, runtime: Runtime) async throws -> [SigningKey] {
        let stored = try await database.read { try $0.sealedSigningKeys() }
        guard stored.isEmpty else { return try open(stored, sealer) }
        let id: ID<SigningKey> = runtime.id()
        let pem = try SigningKeyPair.makeRSA().privatePEM
        let sealed = try sealer.seal(Array(pem.utf8), context: id.text)
        // Two nodes may start at once: the index on the current key lets one of them win, and both read what won.
        let kept = try await database.write { transaction in
            try transaction.insertSigningKey(id, sealed: sealed)
            return try transaction.sealedSigningKeys()
        }
        return try open(kept, sealer)
    }

    private static func open(_ stored: [SealedSigningKey], _ sealer: Sealer) throws -> [SigningKey] {
        try stored.map { key in
            guard let pem = try? sealer.open(key.sealed, context: key.id.text) else { throw SealedUnderAnotherKey() }
            return SigningKey(id: key.id, privatePEM: String(decoding: pem, as: UTF8.self), isCurrent: key.isCurrent)
        }
    }
}

/// A signing key as it lies in the database.
struct SealedSigningKey: Sendable {
    let id: ID<SigningKey>
    let sealed: String
    let isCurrent: Bool
}

/// The database belongs to an installation with another secret.
struct SealedUnderAnotherKey: Error, CustomStringConvertible {
    var description: String {
        """
        The signing keys in this database were sealed under another secret. Start with the SECRET_KEY or ENCRYPTION_KEY that it was begun with, \
        or with the data folder that holds its secret.key.
        """
    }
}

extension Transaction {
    func sealedSigningKeys() throws -> [SealedSigningKey] {
        try all("SELECT id, sealed_private_key, state FROM signing_keys ORDER BY created_at DESC") { row in
            SealedSigningKey(id: try row["id"], sealed: try row["sealed_private_key"], isCurrent: try row.read("state", as: String.self) == "current")
        }
    }

    func insertSigningKey(_ id: ID<SigningKey>, sealed: String) throws {
        try execute(
            """
            INSERT INTO signing_keys (id, algorithm, sealed_private_key, state, created_at)
            VALUES (\(id), \(TokenIssuer.algorithm), \(sealed), 'current', \(now)) ON CONFLICT DO NOTHING
            """
        )
    }
}
