package import Modules
import Secrets

/// Signs and verifies access tokens. The algorithm is pinned to the key; no member of a token can select another.
final class TokenIssuer: Sendable {
    let lifetime: Duration
    private let issuer: String
    private let audience: String
    private let keys: KeyRing
    private let revocations: Revocations
    private let runtime: Runtime
    private let isClockRight: @Sendable () -> Bool
    private let cache = TTLCache<TokenDigest, VerifiedToken>(capacity: TokenDigest.cacheCapacity)

    /// How far a token's `iat` may lie ahead of this node's clock.
    private static let clockSkew: Duration = .seconds(60)

    init(settings: IdentitySettings, keys: KeyRing, revocations: Revocations, runtime: Runtime) {
        lifetime = settings.accessTokenLifetime
        issuer = settings.issuer
        audience = settings.audience
        self.keys = keys
        self.revocations = revocations
        self.runtime = runtime
        isClockRight = settings.isClockRight
    }

    /// - Parameter impersonator: the administrator who acts as the person; such a token is valid for an hour.
    /// - Throws: `overloaded` while this node's clock differs from the database's: other nodes would refuse the token.
    func issue(
        person: Person, session: ID<Session>, organisation: ID<Organisation>, csrf: String,
        impersonator: ID<Person>? = nil
    ) async throws(Problem) -> String {
        try checkClock()
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
        let header = Header(alg: key.key.algorithm.rawValue, kid: key.key.id.text)
        return try await Problem.catching {
            try JSONWebToken.serialize(header: header, claims: claims, signedBy: key.signature)
        }
    }

    /// Checked before a session begins or a refresh token is exchanged, and again before a token is signed.
    func checkClock() throws(Problem) {
        guard !isClockRight() else { return }
        throw Problem.overloaded(retryAfter: 30, detail: "The clock of this server is wrong. Try again shortly.")
    }

    private struct Header: Encodable {
        var alg: String
        var kid: String
        var typ = "at+jwt"
    }

    /// - Throws: `authentication-failed` with the reason; `token-expired` for an expired or revoked token.
    func verify(_ text: String) async throws(Problem) -> VerifiedToken {
        let digest = TokenDigest(of: text)
        let now = runtime.now()
        let verified: VerifiedToken
        if let cached = cache.value(for: digest, at: now) {
            verified = cached
        } else {
            verified = try await verifyUncached(text, now)
            cache.set(verified, for: digest, at: now, lasts: true)
        }
        guard verified.expiresAt > now, !revocations.contains(verified.session) else {
            cache.invalidate(digest)
            throw Problem(.tokenExpired, headers: ["WWW-Authenticate": "Bearer error=\"invalid_token\""])
        }
        return verified
    }

    private func verifyUncached(_ text: String, _ now: Instant) async throws(Problem) -> VerifiedToken {
        let token: JSONWebToken
        do { token = try JSONWebToken(parsing: text) } catch {
            throw Self.refusal("token is malformed: \(error.reason)")
        }
        // No member besides these three: `crit` and embedded keys would let a token control its own verification.
        guard token.header.count == 3, token.header["typ"] == "at+jwt", let kid = token.header["kid"]?.string,
            let key = try await keys.key(kid),
            token.header["alg"]?.string == key.key.algorithm.rawValue
        else {
            throw Self.refusal("token is unverifiable: the header does not name a key and algorithm of this service")
        }
        guard let signature = token.signature, key.isSignature(signature, for: token.signingInput) else {
            throw Self.refusal("token signature is invalid")
        }
        guard let claims = token.claims(as: AccessClaims.self), claims.iss == issuer, claims.aud == audience,
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

    /// - Returns: nil for seconds outside of the range of `Instant` that is used here, 1970 to 2286.
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

/// The SHA-256 of a token's text, as the key of caches: caches hold no credentials.
struct TokenDigest: Hashable, Sendable {
    private let bytes: [UInt8]

    /// Per shard and generation of a ``TTLCache``.
    static let cacheCapacity = 2_048

    init(of token: String) { bytes = Digest.sha256(token.utf8) }

    /// Eight bytes of a SHA-256 are distributed as well as 32.
    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine($0.loadUnaligned(as: UInt64.self)) }
    }
}

extension Problem.Kind {
    package static let missingAuthorization = Self("missing-authorization", "Missing authorization header", status: 401)
    package static let authenticationFailed = Self("authentication-failed", "Authentication failed", status: 401)
    package static let tokenExpired = Self("token-expired", "Invalid or expired token", status: 401)
}
