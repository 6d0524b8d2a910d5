import Crypto
import CryptoExtras
import Foundation

/// A private key that signs with exactly one algorithm of JSON Web Signatures (RFC 7518, section 3.1; RFC 8037).
package struct SignatureKey: Sendable {
    private enum Backing {
        case rsa(_RSA.Signing.PrivateKey, _RSA.Signing.PublicKey)
        case p256(P256.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
        case hmac([UInt8])
    }

    /// The public half, in the numbers of a JSON Web Key (RFC 7518, section 6), big-endian.
    package enum PublicNumbers: Sendable {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case p256(x: [UInt8], y: [UInt8])
        case ed25519(x: [UInt8])
    }

    private let backing: Backing
    /// Nil for a symmetric key.
    package let publicNumbers: PublicNumbers?

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    /// - Parameter rsaPEM: PKCS #8 or PKCS #1, 2,048 bits or more.
    package init(rsaPEM: String) throws {
        let key = try _RSA.Signing.PrivateKey(pemRepresentation: rsaPEM)
        let numbers = try key.publicKey.getKeyPrimitives()
        backing = .rsa(key, key.publicKey)
        publicNumbers = .rsa(modulus: Array(numbers.modulus), exponent: Array(numbers.publicExponent))
    }

    /// ECDSA on P-256 with SHA-256; signatures are `r ‖ s`, 64 bytes.
    /// - Parameter p256PEM: PKCS #8 or SEC 1.
    package init(p256PEM: String) throws {
        let key = try P256.Signing.PrivateKey(pemRepresentation: p256PEM)
        let point = Array(key.publicKey.rawRepresentation)
        backing = .p256(key)
        publicNumbers = .p256(x: Array(point.prefix(32)), y: Array(point.suffix(32)))
    }

    /// Ed25519.
    /// - Parameter ed25519PEM: PKCS #8.
    package init(ed25519PEM: String) throws {
        let key = try Curve25519.Signing.PrivateKey(pemRepresentation: ed25519PEM)
        backing = .ed25519(key)
        publicNumbers = .ed25519(x: Array(key.publicKey.rawRepresentation))
    }

    /// HMAC with SHA-256.
    package init(hmacSecret: [UInt8]) {
        backing = .hmac(hmacSecret)
        publicNumbers = nil
    }

    /// PKCS #8 PEM of a new RSA key of 2,048 bits. It takes some hundred milliseconds of one core.
    package static func makeRSAPEM() throws -> String {
        try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8PEMRepresentation
    }

    package static func makeP256PEM() -> String { P256.Signing.PrivateKey().pemRepresentation }

    package static func makeEd25519PEM() -> String { Curve25519.Signing.PrivateKey().pemRepresentation }

    package func signature(for message: [UInt8]) throws -> [UInt8] {
        switch backing {
        case .rsa(let key, _):
            Array(try key.signature(for: Data(message), padding: .insecurePKCS1v1_5).rawRepresentation)
        case .p256(let key): Array(try key.signature(for: Data(message)).rawRepresentation)
        case .ed25519(let key): Array(try key.signature(for: Data(message)))
        case .hmac(let secret): MessageAuthentication.code(message, key: secret)
        }
    }

    /// - Returns: false also for bytes that are no signature, such as those of another length.
    package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        switch backing {
        case .rsa(_, let key):
            return key.isValidSignature(
                _RSA.Signing.RSASignature(rawRepresentation: Data(signature)), for: Data(message),
                padding: .insecurePKCS1v1_5)
        case .p256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: Data(signature)) else {
                return false
            }
            return key.publicKey.isValidSignature(signature, for: Data(message))
        case .ed25519(let key): return key.publicKey.isValidSignature(Data(signature), for: Data(message))
        case .hmac(let secret):
            return constantTimeEquals(signature, MessageAuthentication.code(message, key: secret))
        }
    }
}
