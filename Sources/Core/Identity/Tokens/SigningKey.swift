import Modules
import Secrets

/// A key that access tokens are signed with, or were until lately.
struct SigningKey: Sendable {
    let id: ID<SigningKey>
    let privatePEM: String
    let isCurrent: Bool

    /// The keys of this installation; the first start makes one.
    static func loadOrMake(from database: any Database, sealer: Sealer, runtime: Runtime) async throws -> [SigningKey] {
        let stored = try await database.read { try $0.signingKeys(sealer) }
        guard stored.isEmpty else { return stored }
        let id: ID<SigningKey> = runtime.id()
        let pem = try SigningKeyPair.makeRSA().privatePEM
        let sealed = try sealer.seal(Array(pem.utf8), context: id.text)
        // Two nodes may start at once: the index on the current key lets one of them win, and both read what won.
        return try await database.write { transaction in
            try transaction.insertSigningKey(id, sealed: sealed)
            return try transaction.signingKeys(sealer)
        }
    }
}

extension Transaction {
    func signingKeys(_ sealer: Sealer) throws -> [SigningKey] {
        try all("SELECT id, sealed_private_key, state FROM signing_keys ORDER BY created_at DESC") { row in
            let id: ID<SigningKey> = try row["id"]
            let pem = try sealer.open(try row["sealed_private_key"], context: id.text)
            return SigningKey(id: id, privatePEM: String(decoding: pem, as: UTF8.self), isCurrent: try row.read("state", as: String.self) == "current")
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
