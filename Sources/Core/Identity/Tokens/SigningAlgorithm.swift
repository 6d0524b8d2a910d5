import JWTKit
import Modules
import Secrets

/// How access tokens are signed. It belongs to a key for as long as the key lives, and no token can ask for another.
package enum SigningAlgorithm: String, Sendable, CaseIterable, SQLBindable, SQLReadable {
    /// RSA of 2,048 bits, PKCS #1 v1.5, SHA-256 (RFC 7518, section 3.3).
    case rs256 = "RS256"
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    case es256 = "ES256"
    /// Ed25519 (RFC 8037).
    case edDSA = "EdDSA"
    /// HMAC with SHA-256 (RFC 7518, section 3.2): whoever can verify can also sign, so nothing of it is published.
    case hs256 = "HS256"

    /// Makes the secret half of a new key: PKCS #8 or SEC 1 as PEM text. It may take some hundred milliseconds of one core.
    /// - Returns: nil for HS256, whose secret comes from the configuration.
    func makeSecret() throws -> [UInt8]? {
        switch self {
        case .rs256: Array(try SigningKeyPair.makeRSA().privatePEM.utf8)
        case .es256: Array(ES256PrivateKey().pemRepresentation.utf8)
        case .edDSA: Array(try EdDSA.PrivateKey(curve: .ed25519).pemRepresentation.utf8)
        case .hs256: nil
        }
    }

    /// Reads a key's secret half.
    /// - Returns: what signs and verifies with it, and its public half where there is one.
    func open(_ secret: [UInt8], kid: String) async throws -> (signer: any JWTAlgorithm, published: JSONWebKeys.Key?) {
        let keys = JWTKeyCollection()
        let pem = String(decoding: secret, as: UTF8.self)
        let published: JSONWebKeys.Key?
        switch self {
        case .rs256:
            let key = try Insecure.RSA.PrivateKey(pem: pem)
            let numbers = try Insecure.RSA.PublicKey(pem: key.publicKey.pemRepresentation).getKeyPrimitives()
            published = JSONWebKeys.Key(
                kty: "RSA",
                alg: rawValue,
                kid: kid,
                n: Base64URL.encode(Array(numbers.modulus)),
                e: Base64URL.encode(Array(numbers.publicExponent))
            )
            await keys.add(rsa: key, digestAlgorithm: .sha256)
        case .es256:
            let key = try ES256PrivateKey(pem: pem)
            guard let point = key.parameters else { throw UnreadableKey(kid: kid) }
            published = JSONWebKeys.Key(
                kty: "EC", alg: rawValue, kid: kid, crv: "P-256", x: Self.unpadded(point.x), y: Self.unpadded(point.y))
            await keys.add(ecdsa: key)
        case .edDSA:
            let key = try EdDSA.PrivateKey(pem: pem)
            let point = Base64URL.encode(Array(key.publicKey.rawRepresentation))
            published = JSONWebKeys.Key(kty: "OKP", alg: rawValue, kid: kid, crv: "Ed25519", x: point)
            await keys.add(eddsa: key)
        case .hs256:
            published = nil
            await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        }
        return (try await keys.getKey(), published)
    }

    /// jwt-kit gives coordinates as base64, a key set wants base64url (RFC 7518, section 6.2.1.2).
    private static func unpadded(_ base64: String) -> String {
        base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// A signing key that opens but is no key of its algorithm.
struct UnreadableKey: Error, CustomStringConvertible {
    let kid: String
    var description: String { "The signing key \(kid) cannot be read." }
}

/// The public keys of this service (RFC 7517).
struct JSONWebKeys: Payload, Hashable {
    struct Key: Payload, Hashable {
        var kty: String
        var use = "sig"
        var alg: String
        var kid: String
        var crv: String?
        var n: String?
        var e: String?
        var x: String?
        var y: String?
    }

    var keys: [Key]
}
