import Crypto
import Foundation

/// Encrypts what lies at rest: AES-256-GCM (NIST SP 800-38D) under one key, bound to a context so that a sealed value cannot be
/// moved to another row or column.
package struct Sealer: Sendable {
    private let key: SymmetricKey

    /// - Parameter secret: any text; the key is derived from it (HKDF-SHA-256, RFC 5869).
    package init(secret: String) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)), info: Data("gatehouse sealing key".utf8),
            outputByteCount: 32)
    }

    /// - Returns: nonce, ciphertext and tag as base64 text.
    package func seal(_ bytes: [UInt8], context: String) throws -> String {
        let box = try AES.GCM.seal(bytes, using: key, authenticating: Data(context.utf8))
        // A 12-byte nonce always gives the combined form.
        guard let combined = box.combined else { throw Failure() }
        return combined.base64EncodedString()
    }

    /// - Throws: when the text was not sealed under this key and context, or was changed.
    package func open(_ text: String, context: String) throws -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw Failure() }
        return Array(
            try AES.GCM.open(try AES.GCM.SealedBox(combined: data), using: key, authenticating: Data(context.utf8)))
    }

    /// A key of 32 bytes for something else than sealing, which tells nothing of the sealing key or of the keys for other purposes.
    package func key(for purpose: String) -> [UInt8] {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, info: Data("gatehouse: \(purpose)".utf8), outputByteCount: 32)
        return derived.withUnsafeBytes { Array($0) }
    }

    /// A sealed value that cannot be opened: another key, or a changed text.
    package struct Failure: Error {}
}
