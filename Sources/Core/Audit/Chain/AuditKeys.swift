package import Modules
import Secrets

/// The keys of the audit trail: the secret key that seals rows, and the key pairs that sign checkpoints.
struct AuditKeys: Sendable {
    private let sealer: Sealer
    private let sealKey: [UInt8]

    init(sealer: Sealer) {
        self.sealer = sealer
        sealKey = sealer.key(for: "audit seals")
    }

    /// The message authentication code of a link, truncated to 16 bytes, in hexadecimal.
    func seal(of hash: String) -> String {
        Hex.encode(MessageAuthentication.code(Array(hash.utf8), key: sealKey).prefix(16))
    }

    /// A keyed hash that detects a changed setting and does not reveal its value.
    func fingerprint(of value: String, named name: String) -> String {
        var bytes = CanonicalBytes("gatehouse setting 1")
        bytes.append(name)
        bytes.append(value)
        return Hex.encode(MessageAuthentication.code(bytes.bytes, key: sealKey))
    }

    /// The key that signs checkpoints. The first call creates it.
    func signing(in transaction: Transaction, runtime: Runtime) throws -> AuditSigningKey {
        if let key = try all(in: transaction).last { return key }
        let id: ID<AuditSigningKey> = runtime.id()
        try transaction.insertAuditKey(id, sealed: try sealer.seal(Ed25519Key().privateBytes, context: id.text))
        // Two nodes may insert a key at the same time; both use the oldest.
        guard let key = try all(in: transaction).last else { throw Problem(.internalError) }
        return key
    }

    /// Every key of this installation, newest first. Rows that this installation did not seal are skipped.
    func all(in transaction: Transaction) throws -> [AuditSigningKey] {
        try transaction.sealedAuditKeys().compactMap { stored in
            guard let bytes = try? sealer.open(stored.sealed, context: stored.id.text),
                let key = try? Ed25519Key(privateBytes: bytes)
            else { return nil }
            return AuditSigningKey(id: stored.id, key: key)
        }
    }
}

/// A key pair that signs checkpoints.
package struct AuditSigningKey: Sendable {
    package let id: ID<AuditSigningKey>
    let key: Ed25519Key

    /// The public key, 32 bytes.
    package var publicBytes: [UInt8] { key.publicBytes }
}
