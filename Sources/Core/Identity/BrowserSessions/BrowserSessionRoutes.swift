import Modules

/// Sessions of the console: the credential is a cookie that scripts cannot read.
struct BrowserSessionRoutes {
    let signIns: SignInService
    let browserSessions: BrowserSessionService
    let sessions: SessionService
    let profiles: ProfileService
    let member: Member
    let origins: Set<String>

    var routes: [Route] {
        [
            .post(
                "auth/browser-session",
                "Sign in with a cookie",
                requires: BrowserClient(origins: origins),
                problems: [.invalidCredentials, .invalidSecondFactor, .accountSuspended, .accountLocked]
            ) { [signIns, browserSessions] (payload: Credentials, client) in
                // With a second factor the client signs in again, with `mfa_code` beside the password.
                switch try await signIns.signIn(payload, client: client) {
                case .secondFactorRequired(let challenge):
                    return SignInStep<WithCookie<BrowserSignedIn>>.secondFactorRequired(challenge)
                case .done(let signedIn, let device):
                    let opened = try await browserSessions.open(signedIn, client: client)
                    return .done(WithCookie(opened.payload, cookie: opened.cookie), newDevice: device)
                }
            },
            .get(
                "auth/browser-session", "Get the session of a cookie and its CSRF token",
                requires: BrowserMember(member: member),
                problems: [.notFound]
            ) { [profiles] proof in
                guard let csrf = proof.csrf else {
                    throw Problem(.notFound, detail: "This request has no session cookie.")
                }
                return BrowserSessionStatus(csrfToken: csrf, user: try await profiles.account(proof.scope).body.user)
            },
            .delete(
                "auth/browser-session", "Sign out and delete the cookie, also that of a session that has ended",
                requires: BrowserSignOut(
                    member: member, client: BrowserClient(origins: origins), cookie: browserSessions.cookie)
            ) { [sessions, browserSessions] scope in
                if let scope { try await sessions.end(scope) }
                return WithCookie(SignedOut(message: "Signed out"), cookie: browserSessions.cookie.deletion)
            },
        ]
    }
}
