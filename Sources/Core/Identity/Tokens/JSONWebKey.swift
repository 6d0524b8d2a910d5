import Modules
import Secrets

/// The public half of a signing key (RFC 7517).
struct JSONWebKey: Payload, Hashable {
    var kty: String
    var use = "sig"
    var alg: String
    var kid: String
    var crv: String?
    var n: String?
    var e: String?
    var x: String?
    var y: String?

    init(_ numbers: SignatureKey.PublicNumbers, alg: String, kid: String) {
        self.alg = alg
        self.kid = kid
        switch numbers {
        case .rsa(let modulus, let exponent):
            kty = "RSA"
            (n, e) = (Base64URL.encode(modulus), Base64URL.encode(exponent))
        case .p256(let x, let y):
            (kty, crv) = ("EC", "P-256")
            (self.x, self.y) = (Base64URL.encode(x), Base64URL.encode(y))
        case .ed25519(let x):
            (kty, crv) = ("OKP", "Ed25519")
            self.x = Base64URL.encode(x)
        }
    }
}

/// The public keys of this service, as `/.well-known/jwks.json` returns them (RFC 7517, section 5).
struct JSONWebKeySet: Payload, Hashable {
    var keys: [JSONWebKey]
}
