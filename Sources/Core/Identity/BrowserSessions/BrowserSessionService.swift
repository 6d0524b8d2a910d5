import Audit
import HTTPTypes
import Modules
import Secrets

/// Binds sessions to cookies, and verifies cookies.
final class BrowserSessionService: Sendable {
    private let database: any Database
    private let sessions: SessionService
    private let audit: AuditService
    let cookie: BrowserCookie
    private let runtime: Runtime
    private let cache = TTLCache<TokenDigest, VerifiedToken>(capacity: TokenDigest.cacheCapacity)

    /// At most once in this time the use of a cookie is written to its session.
    private static let touchInterval: Duration = .minutes(1)

    init(sessions: SessionService, cookie: BrowserCookie) {
        database = sessions.database
        audit = sessions.audit
        runtime = sessions.runtime
        self.sessions = sessions
        self.cookie = cookie
    }

    /// Binds a session that has just begun to a cookie. Its tokens are discarded and were not sent to any client.
    func open(_ signedIn: SignedIn, client: ClientInfo) async throws(Problem) -> Opened {
        guard let id = RefreshToken(signedIn.refreshToken)?.session else {
            preconditionFailure("a session begins with a refresh token")
        }
        let browser = BrowserSession(session: id, runtime: runtime)
        try await database.write { [audit] transaction in
            guard try transaction.bind(id, toCookie: browser.hash) else { throw Problem(.tokenExpired) }
            try audit.record(
                AuditEvent(
                    "browser-session.created",
                    from: client,
                    actor: signedIn.user.id.text,
                    organisation: signedIn.user.organisationId.text,
                    subject: id.text
                ),
                in: transaction
            )
        }
        return Opened(
            payload: BrowserSignedIn(
                csrfToken: browser.csrf, expiresIn: Session.absoluteLifetime.components.seconds, user: signedIn.user),
            cookie: cookie.header(browser.text, lifetime: Session.absoluteLifetime)
        )
    }

    struct Opened: Sendable {
        let payload: BrowserSignedIn
        let cookie: String
    }

    /// Verifies a cookie. The result is cached for half a second at most, because the session can move to another
    /// organisation.
    /// - Parameter text: the value of the cookie.
    /// - Throws: `authentication-failed` for a malformed value, `token-expired` for an unknown, expired or revoked one.
    func verify(_ text: String) async throws(Problem) -> VerifiedToken {
        guard let browser = BrowserSession(text) else {
            throw Problem(
                .authenticationFailed, members: ["details": "the session cookie is malformed"], headers: Self.challenge)
        }
        let digest = TokenDigest(of: text)
        let now = runtime.now()
        if let cached = cache.value(for: digest, at: now), cached.expiresAt > now,
            !sessions.revocations.contains(cached.session)
        {
            return cached
        }
        guard let verified = try await read(browser), !sessions.revocations.contains(verified.session) else {
            throw Problem(.tokenExpired, headers: Self.challenge)
        }
        cache.set(verified, for: digest, at: now)
        return verified
    }

    /// Empties this node's cache after sessions were moved to other organisations on this node.
    func invalidate() { cache.invalidateAll() }

    /// - Returns: the session's person, valid until `expiresAt`; nil for an unknown, expired or revoked cookie.
    private func read(_ browser: BrowserSession) async throws(Problem) -> VerifiedToken? {
        let found = try await database.read { transaction -> (VerifiedToken, isUnseen: Bool)? in
            guard let (session, hash) = try transaction.browserSession(browser.session),
                constantTimeEquals(hash.utf8, browser.hash.utf8),
                session.isLive(at: transaction.now), let person = try transaction.person(session.person),
                !person.isSuspended
            else { return nil }
            let verified = VerifiedToken(
                person: person.id,
                organisation: session.organisation,
                session: session.id,
                role: person.role,
                csrf: browser.csrf,
                impersonator: nil,
                expiresAt: session.endsAt
            )
            return (verified, transaction.now - session.lastUsedAt >= Self.touchInterval)
        }
        guard let found else { return nil }
        if found.isUnseen { try await database.write { try $0.touch(browser.session) } }
        return found.0
    }

    /// `Bearer`, for which browsers do not ask for a password, as they would for `Basic`.
    private static let challenge = ["WWW-Authenticate": "Bearer error=\"invalid_token\""]
}
