import Foundation
package import Modules
import Secrets

/// Signs access tokens and tells genuine ones from others. The algorithm is pinned to the key, and nothing that a token says can
/// change that.
struct TokenIssuer: Sendable {
    let lifetime: Duration
    private let issuer: String
    private let audience: String
    private let keys: KeyRing
    private let cache = TokenCache()
    private let revocations: Revocations
    private let runtime: Runtime

    /// Tokens from a clock a little ahead of ours are no forgeries.
    private static let clockSkew: Duration = .seconds(60)
    /// Ours have less than a thousand bytes.
    private static let bytesMax = 8_192

    init(settings: IdentitySettings, keys: KeyRing, revocations: Revocations, runtime: Runtime) {
        lifetime = settings.accessTokenLifetime
        issuer = settings.issuer
        audience = settings.audience
        self.keys = keys
        self.revocations = revocations
        self.runtime = runtime
    }

    /// - Parameter impersonator: who acts in the person's name; such a token lives for an hour.
    func issue(
        person: Person, session: ID<Session>, organisation: ID<Organisation>, csrf: String,
        impersonator: ID<Person>? = nil
    ) async throws(Problem) -> String {
        let key = try await keys.current()
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
        return try await Problem.catching { try Self.signed(claims, by: key) }
    }

    private struct Header: Encodable {
        var alg: String
        var kid: String
        var typ = "at+jwt"
    }

    private static func signed(_ claims: AccessClaims, by key: KeyRing.Opened) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let header = Header(alg: key.key.algorithm.rawValue, kid: key.key.id.text)
        let text =
            Base64URL.encode(Array(try encoder.encode(header))) + "."
            + Base64URL.encode(Array(try encoder.encode(claims)))
        return text + "." + Base64URL.encode(try key.signature(for: text))
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
        guard token.utf8.count <= Self.bytesMax else {
            throw Self.refusal("token is malformed: token is longer than \(Self.bytesMax) bytes")
        }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw Self.refusal("token is malformed: token contains an invalid number of segments")
        }
        guard let header = Self.object(parts[0]) else {
            throw Self.refusal("token is malformed: could not decode the header")
        }
        // `crit` and embedded keys ask a verifier to follow the token's own wishes; the header may hold these three and no more.
        guard header.count == 3, header["typ"] == "at+jwt", let kid = header["kid"]?.string,
            let key = try await keys.key(kid),
            header["alg"]?.string == key.key.algorithm.rawValue
        else {
            throw Self.refusal("token is unverifiable: the header does not name a key and algorithm of this service")
        }
        guard let signature = Base64URL.decode(parts[2]), key.isSignature(signature, for: "\(parts[0]).\(parts[1])")
        else {
            throw Self.refusal("token signature is invalid")
        }
        guard let claims = Self.claims(parts[1]), claims.iss == issuer, claims.aud == audience,
            claims.iat <= (now + Self.clockSkew).seconds,
            let person = ID<Person>(claims.sub), let organisation = ID<Organisation>(claims.org),
            let session = ID<Session>(claims.sid),
            let role = Role(rawValue: claims.role), let expiresAt = Self.instant(claims.exp)
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
            expiresAt: expiresAt
        )
    }

    private static func claims(_ part: Substring) -> AccessClaims? {
        // Read strictly first: of two claims with one name, readers disagree which one counts.
        guard object(part) != nil, let bytes = Base64URL.decode(part) else { return nil }
        return try? JSONDecoder().decode(AccessClaims.self, from: Data(bytes))
    }

    /// The members of a segment: base64url in its one spelling, JSON without duplicate names.
    private static func object(_ part: Substring) -> [String: JSONValue]? {
        Base64URL.decode(part).flatMap { try? JSONValue(parsing: $0) }?.object
    }

    /// - Returns: nil for seconds that are no moment of our time line.
    private static func instant(_ seconds: Int64) -> Instant? {
        (0...9_999_999_999).contains(seconds) ? Instant(seconds: seconds) : nil
    }

    private static func refusal(_ reason: String) -> Problem {
        Problem(
            .authenticationFailed,
            members: ["details": .string("invalid JWT: unable to parse or verify signature, \(reason)")],
            headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""]
        )
    }
}

extension Problem.Kind {
    package static let missingAuthorization = Self("missing-authorization", "Missing authorization header", status: 401)
    package static let authenticationFailed = Self("authentication-failed", "Authentication failed", status: 401)
    package static let tokenExpired = Self("token-expired", "Invalid or expired token", status: 401)
}
