import Modules
import Secrets

/// How access tokens are signed. The algorithm is a property of the key for its whole life; a token cannot select one.
package enum SigningAlgorithm: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    /// RSASSA-PKCS1-v1_5, 2,048 bits, SHA-256 (RFC 7518, section 3.3).
    case rs256 = "RS256"
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    case es256 = "ES256"
    /// Ed25519 (RFC 8037).
    case edDSA = "EdDSA"
    /// HMAC with SHA-256 (RFC 7518, section 3.2). The key that verifies also signs, so it is not published.
    case hs256 = "HS256"

    /// Generates a private key as PEM text (PKCS #8 or SEC 1). RSA takes some hundred milliseconds of one core.
    /// - Returns: nil for HS256, whose secret is configured.
    func generatePrivateKey() throws -> [UInt8]? {
        switch self {
        case .rs256: Array(try SignatureKey.makeRSAPEM().utf8)
        case .es256: Array(SignatureKey.makeP256PEM().utf8)
        case .edDSA: Array(SignatureKey.makeEd25519PEM().utf8)
        case .hs256: nil
        }
    }

    /// - Parameter secret: PEM text of a private key, or the secret of HS256.
    /// - Throws: where the text is not a key of this algorithm.
    func key(from secret: [UInt8]) throws -> SignatureKey {
        let pem = String(decoding: secret, as: UTF8.self)
        return switch self {
        case .rs256: try SignatureKey(rsaPEM: pem)
        case .es256: try SignatureKey(p256PEM: pem)
        case .edDSA: try SignatureKey(ed25519PEM: pem)
        case .hs256: SignatureKey(hmacSecret: secret)
        }
    }
}
