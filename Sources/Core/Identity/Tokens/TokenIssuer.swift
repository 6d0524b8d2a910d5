import Foundation
import JWTKit
package import Modules
import Secrets

/// Signs access tokens and tells genuine ones from others. The algorithm is pinned to the key: RS256, and nothing that a token says
/// can change that.
struct TokenIssuer: Sendable {
    let lifetime: Duration
    private let issuer: String
    private let audience: String
    private let keys: JWTKeyCollection
    private let current: String
    private let known: Set<String>
    private let cache = TokenCache()
    private let revocations: Revocations
    private let runtime: Runtime
    /// The public halves, as `/.well-known/jwks.json` shows them.
    let published: JSONWebKeys

    static let algorithm = "RS256"
    /// Tokens from a clock a little ahead of ours are no forgeries.
    private static let clockSkew: Duration = .seconds(60)

    init(settings: IdentitySettings, keys stored: [SigningKey], revocations: Revocations, runtime: Runtime) async throws {
        guard let signing = stored.first(where: { $0.isCurrent }) else { preconditionFailure("there is always a current signing key") }
        lifetime = settings.accessTokenLifetime
        issuer = settings.issuer
        audience = settings.audience
        self.revocations = revocations
        self.runtime = runtime
        keys = JWTKeyCollection()
        var published: [JSONWebKeys.Key] = []
        for key in stored {
            let pair = try Insecure.RSA.PrivateKey(pem: key.privatePEM)
            await keys.add(rsa: pair, digestAlgorithm: .sha256, kid: JWKIdentifier(string: key.id.text))
            let primitives = try Insecure.RSA.PublicKey(pem: pair.publicKey.pemRepresentation).getKeyPrimitives()
            published.append(
                JSONWebKeys.Key(
                    kid: key.id.text,
                    n: Base64URL.encode(Array(primitives.modulus)),
                    e: Base64URL.encode(Array(primitives.publicExponent))
                )
            )
        }
        current = signing.id.text
        known = Set(stored.map(\.id.text))
        self.published = JSONWebKeys(keys: published)
    }

    /// - Parameter impersonator: who acts in the person's name; such a token lives for an hour.
    func issue(
        person: Person, session: ID<Session>, organisation: ID<Organisation>, csrf: String, impersonator: ID<Person>? = nil
    ) async throws(Problem) -> String {
        let now = runtime.now()
        let claims = AccessClaims(
            iss: issuer,
            aud: audience,
            sub: person.id.text,
            sid: session.text,
            org: organisation.text,
            role: person.role.rawValue,
            roles: [person.role.rawValue],
            csrf: csrf,
            iat: now.seconds,
            exp: (now + (impersonator == nil ? lifetime : Impersonation.lifetime)).seconds,
            jti: runtime.id(of: AccessClaims.self).text,
            act: impersonator.map { AccessClaims.Actor(sub: $0.text) }
        )
        return try await Problem.catching { try await keys.sign(claims, kid: JWKIdentifier(string: current), header: ["typ": "at+jwt"]) }
    }

    /// - Throws: `authentication-failed` with the reason, or `token-expired` for a token that was good once.
    func verify(_ token: String) async throws(Problem) -> VerifiedToken {
        let key = TokenCache.key(of: token)
        let now = runtime.now()
        let verified: VerifiedToken
        if let cached = cache.token(for: key) {
            verified = cached
        } else {
            verified = try await verifyCold(token, now)
            cache.remember(verified, for: key)
        }
        guard verified.expiresAt > now, !revocations.contains(verified.session) else {
            cache.forget(key)
            throw Problem(.tokenExpired, headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
        }
        return verified
    }

    private func verifyCold(_ token: String, _ now: Instant) async throws(Problem) -> VerifiedToken {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw Self.refusal("token is malformed: token contains an invalid number of segments") }
        guard let header = Base64URL.decode(parts[0]).flatMap({ try? JSONDecoder().decode([String: String].self, from: Data($0)) }) else {
            throw Self.refusal("token is malformed: could not decode the header")
        }
        // `crit` and embedded keys ask a verifier to follow the token's own wishes; the header may hold these three and no more.
        guard header["alg"] == Self.algorithm, header["typ"] == "at+jwt", let kid = header["kid"], known.contains(kid), header.count == 3 else {
            throw Self.refusal("token is unverifiable: the header does not name a key and algorithm of this service")
        }
        let claims: AccessClaims
        do {
            claims = try await keys.verify(token, as: AccessClaims.self)
        } catch {
            throw Self.refusal("token signature is invalid")
        }
        guard claims.iss == issuer, claims.aud == audience, claims.iat <= (now + Self.clockSkew).seconds, let person = ID<Person>(claims.sub),
            let organisation = ID<Organisation>(claims.org), let session = ID<Session>(claims.sid), let role = Role(rawValue: claims.role)
        else { throw Self.refusal("token has invalid claims") }
        let impersonator = claims.act.flatMap { ID<Person>($0.sub) }
        guard (claims.act == nil) == (impersonator == nil) else { throw Self.refusal("token has invalid claims") }
        return VerifiedToken(
            person: person,
            organisation: organisation,
            session: session,
            role: role,
            csrf: claims.csrf,
            impersonator: impersonator,
            expiresAt: Instant(seconds: claims.exp)
        )
    }

    private static func refusal(_ reason: String) -> Problem {
        Problem(
            .authenticationFailed,
            members: ["details": .string("invalid JWT: unable to parse or verify signature, \(reason)")],
            headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""]
        )
    }
}

/// The public keys of this service (RFC 7517).
struct JSONWebKeys: Payload {
    struct Key: Payload {
        var kty = "RSA"
        var use = "sig"
        var alg = TokenIssuer.algorithm
        var kid: String
        var n: String
        var e: String
    }

    var keys: [Key]
}

extension Problem.Kind {
    package static let missingAuthorization = Self("missing-authorization", "Missing authorization header", status: 401)
    package static let authenticationFailed = Self("authentication-failed", "Authentication failed", status: 401)
    package static let tokenExpired = Self("token-expired", "Invalid or expired token", status: 401)
}
