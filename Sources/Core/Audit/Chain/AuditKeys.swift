package import Modules
import Secrets

/// The keys of the trail: one that rows are sealed under, known to this installation alone, and those that checkpoints are signed with.
struct AuditKeys: Sendable {
    private let sealer: Sealer
    private let sealing: [UInt8]

    init(sealer: Sealer) {
        self.sealer = sealer
        sealing = sealer.key(for: "audit seals")
    }

    /// 16 bytes as hexadecimal text.
    func seal(of hash: String) -> String {
        Hex.encode(MessageAuthentication.code(Array(hash.utf8), key: sealing).prefix(16))
    }

    /// Tells a changed setting from an unchanged one without telling either.
    func fingerprint(of value: String, named name: String) -> String {
        var bytes = CanonicalBytes("gatehouse setting 1")
        bytes.append(name)
        bytes.append(value)
        return Hex.encode(MessageAuthentication.code(bytes.bytes, key: sealing))
    }

    /// The key that signs checkpoints; the first call makes it.
    func signing(in transaction: Transaction, runtime: Runtime) throws -> AuditSigningKey {
        if let key = try known(in: transaction).last { return key }
        let id: ID<AuditSigningKey> = runtime.id()
        try transaction.insertAuditKey(id, sealed: try sealer.seal(Ed25519Key().privateBytes, context: id.text))
        // Two nodes may come here at once; the eldest key is everybody's.
        guard let key = try known(in: transaction).last else { throw Problem(.internalError) }
        return key
    }

    /// Every key of this installation, newest first. What was not sealed here is none.
    func known(in transaction: Transaction) throws -> [AuditSigningKey] {
        try transaction.sealedAuditKeys().compactMap { stored in
            guard let bytes = try? sealer.open(stored.sealed, context: stored.id.text),
                let key = try? Ed25519Key(privateBytes: bytes)
            else { return nil }
            return AuditSigningKey(id: stored.id, key: key)
        }
    }
}

/// A key that checkpoints are signed with.
package struct AuditSigningKey: Sendable {
    package let id: ID<AuditSigningKey>
    let key: Ed25519Key

    /// The public half, 32 bytes.
    package var publicBytes: [UInt8] { key.publicBytes }
}
