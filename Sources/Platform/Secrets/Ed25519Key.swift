import Crypto
import Foundation

/// A key pair for Ed25519 signatures (RFC 8032).
package struct Ed25519Key: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// Generates a key pair.
    package init() { key = Curve25519.Signing.PrivateKey() }

    /// - Parameter privateBytes: the 32 bytes of ``privateBytes``.
    /// - Throws: an error of swift-crypto where the bytes are not a key.
    package init(privateBytes: [UInt8]) throws {
        key = try Curve25519.Signing.PrivateKey(rawRepresentation: Data(privateBytes))
    }

    package var privateBytes: [UInt8] { Array(key.rawRepresentation) }
    /// 32 bytes.
    package var publicBytes: [UInt8] { Array(key.publicKey.rawRepresentation) }

    /// - Returns: 64 bytes.
    package func signature(of message: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: Data(message))) }

    /// Verifies a signature.
    /// - Returns: false also for an invalid key or an invalid signature format.
    package static func isValid(_ signature: [UInt8], of message: [UInt8], by publicBytes: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: Data(publicBytes)) else { return false }
        return key.isValidSignature(Data(signature), for: Data(message))
    }
}
