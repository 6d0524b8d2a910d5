import Base
import Crypto
import Foundation

/// Encrypts values at rest with AES-256-GCM (NIST SP 800-38D). The context is authenticated, so that a sealed value
/// cannot be copied to another row or column.
package struct Sealer: Sendable {
    /// The first seals; each opens.
    private let keys: [SymmetricKey]

    /// - Parameter secret: any text; the key is derived from it (HKDF-SHA-256, RFC 5869).
    package init(secret: String) { self.init(secrets: [secret]) }

    /// - Parameter secrets: at least one. The first seals, each opens, and the last derives the keys of other purposes,
    ///   so that a new secret before it changes none of them.
    package init(secrets: [String]) {
        precondition(!secrets.isEmpty, "a value is sealed under a key")
        keys = secrets.map { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)), info: Data("gatehouse sealing key".utf8),
                outputByteCount: 32)
        }
    }

    /// - Returns: nonce, ciphertext and tag as base64 text.
    package func seal(_ bytes: [UInt8], context: String) throws -> String {
        let box = try AES.GCM.seal(bytes, using: keys[0], authenticating: Data(context.utf8))
        // A 12-byte nonce always gives the combined form.
        guard let combined = box.combined else { throw Failure() }
        return combined.base64EncodedString()
    }

    /// - Throws: where the text was not sealed under one of these keys and this context, or has been changed.
    package func open(_ text: String, context: String) throws -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw Failure() }
        let box = try AES.GCM.SealedBox(combined: data)
        for key in keys.dropLast() {
            if let bytes = try? AES.GCM.open(box, using: key, authenticating: Data(context.utf8)) {
                return Array(bytes)
            }
        }
        return Array(try AES.GCM.open(box, using: keys[keys.count - 1], authenticating: Data(context.utf8)))
    }

    /// Derives a key of 32 bytes for another purpose (HKDF-SHA-256). Derived keys do not reveal the sealing key or each
    /// other.
    package func key(for purpose: String) -> [UInt8] {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: keys[keys.count - 1], info: Data("gatehouse: \(purpose)".utf8), outputByteCount: 32)
        return derived.withUnsafeBytes { Array($0) }
    }

    /// Names of the keys, in their order, which do not reveal them: to find out whether values that were sealed elsewhere
    /// can be opened.
    package var fingerprints: [String] {
        keys.map { key in
            let derived = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: key, info: Data("gatehouse: fingerprint".utf8), outputByteCount: 8)
            return derived.withUnsafeBytes { Hex.encode(Array($0)) }
        }
    }

    /// The text is not base64, or sealing gave no combined form.
    package struct Failure: Error {}
}
