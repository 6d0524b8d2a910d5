import Audit
import HTTPTypes
import Modules
import Secrets

/// The verbs of sessions that live in a browser's cookie: open one, look who it is.
struct BrowserSessionService: Sendable {
    let database: any Database
    let sessions: SessionService
    let audit: AuditService
    let cookie: BrowserCookie
    let runtime: Runtime
    private let cache = TokenCache()

    /// How long a look into the database is believed; what is revoked meanwhile is known within a second all the same.
    private static let believedFor: Duration = .minutes(1)

    init(sessions: SessionService, cookie: BrowserCookie) {
        database = sessions.database
        audit = sessions.audit
        runtime = sessions.runtime
        self.sessions = sessions
        self.cookie = cookie
    }

    /// Moves a session that was just begun into a cookie. Its tokens are dropped here and were never anybody's.
    func open(_ signedIn: SignedIn, visitor: ClientInfo) async throws(Problem) -> Opened {
        guard let id = RefreshToken(signedIn.refreshToken)?.session else {
            preconditionFailure("a session begins with a refresh token")
        }
        let browser = BrowserSession(session: id, runtime: runtime)
        try await database.write { [audit] transaction in
            guard try transaction.bind(id, toCookie: browser.hash) else { throw Problem(.tokenExpired) }
            try audit.record(
                AuditEvent(
                    "browser-session.created",
                    from: visitor,
                    actor: signedIn.user.id.text,
                    organisation: signedIn.user.organisationId.text,
                    subject: id.text
                ),
                in: transaction
            )
        }
        return Opened(
            answer: BrowserSignedIn(
                csrfToken: browser.csrf, expiresIn: Session.absoluteLifetime.components.seconds, user: signedIn.user),
            cookie: cookie.header(browser.text, lifetime: Session.absoluteLifetime)
        )
    }

    struct Opened: Sendable {
        let answer: BrowserSignedIn
        let cookie: String
    }

    /// Who holds the cookie.
    /// - Throws: `authentication-failed` for what is no cookie of ours, `token-expired` for one that was.
    func verify(_ text: String) async throws(Problem) -> VerifiedToken {
        guard let browser = BrowserSession(text) else {
            throw Problem(
                .authenticationFailed, members: ["details": "the session cookie is malformed"], headers: Self.challenge)
        }
        let key = TokenCache.key(of: text)
        let now = runtime.now()
        if let cached = cache.token(for: key), cached.expiresAt > now, !sessions.revocations.contains(cached.session) {
            return cached
        }
        cache.forget(key)
        guard let verified = try await look(up: browser), !sessions.revocations.contains(verified.session) else {
            throw Problem(.tokenExpired, headers: Self.challenge)
        }
        cache.remember(verified, for: key)
        return verified
    }

    /// - Returns: who it is, to be believed for a while; nil for a cookie that is no longer good.
    private func look(up browser: BrowserSession) async throws(Problem) -> VerifiedToken? {
        let ours = runtime.now()
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
                expiresAt: min(ours + Self.believedFor, session.endsAt)
            )
            return (verified, transaction.now - session.lastUsedAt >= Self.believedFor)
        }
        guard let found else { return nil }
        if found.isUnseen { try await database.write { try $0.touch(browser.session) } }
        return found.0
    }

    /// A browser is not asked for a password: no `WWW-Authenticate` that it would answer to by itself.
    private static let challenge = ["WWW-Authenticate": "Bearer error=\"invalid_token\""]
}

/// Reads a browser's cookie off a call, where there is no `Authorization` header: who writes one means it.
struct CookieReader: CredentialReader {
    let browsers: BrowserSessionService
    let crossSite: CSRFProtection

    var problems: [Problem.Kind] { [.authenticationFailed, .tokenExpired, .csrfFailed] }

    /// - Returns: nil where the call brings no cookie of ours.
    func scope(of call: Request) async throws(Problem) -> Scope? {
        guard !call.headers.contains(.authorization), let text = browsers.cookie.value(in: call) else { return nil }
        let token = try await browsers.verify(text)
        try crossSite.checkCookie(call, csrf: token.csrf)
        call.context.set(BrowserAuthentication(csrf: token.csrf))
        return Scope(
            organisation: token.organisation,
            person: token.person,
            role: token.role,
            credential: .session(token.session),
            impersonator: nil,
            requestID: call.requestID,
            address: call.address
        )
    }
}

/// What a page must know to change something, learnt on the way through the gate.
struct BrowserAuthentication: Sendable {
    let csrf: String
}
