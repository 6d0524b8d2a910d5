import HTTPTypes
import Modules

extension IdentityModule {
    /// Signing in to the console: the session is in a cookie that scripts cannot read.
    var browserRoutes: [Route] {
        [
            .post(
                "auth/browser-session",
                "Sign in with a cookie",
                requires: BrowserClient(origins: browserOrigins),
                problems: [.invalidCredentials, .invalidSecondFactor, .accountSuspended, .accountLocked]
            ) { (request: Credentials, visitor) in
                // Whoever is asked for a second factor signs in once more, with `mfa_code` beside the password.
                switch try await signIns.signIn(request, visitor: visitor) {
                case .secondFactorAsked(let question):
                    return SignInStep<WithCookie<BrowserSignedIn>>.secondFactorAsked(question)
                case .done(let signedIn, let device):
                    let opened = try await browsers.open(signedIn, visitor: visitor)
                    return .done(WithCookie(opened.answer, cookie: opened.cookie), newDevice: device)
                }
            },
            .get(
                "auth/browser-session", "Who is signed in, and what changing requests must repeat",
                requires: BrowserMember(member: member),
                problems: [.notFound]
            ) {
                holder in
                guard let csrf = holder.csrf else {
                    throw Problem(.notFound, detail: "This call came without a session cookie.")
                }
                return BrowserSessionStatus(csrfToken: csrf, user: try await profiles.account(holder.scope).body.user)
            },
            .delete("auth/browser-session", "Sign out and give the cookie back", requires: member) { scope in
                try await sessions.end(scope)
                return WithCookie(SignedOut(message: "Signed out"), cookie: browsers.cookie.farewell)
            },
        ]
    }
}

struct BrowserSignedIn: Payload {
    var csrfToken: String
    /// Seconds.
    var expiresIn: Int64
    var user: User
}

struct BrowserSessionStatus: Payload {
    var csrfToken: String
    var user: User
}

/// Anybody; but a page of somebody else's may not sign its visitors in here, as whom it likes.
struct BrowserClient: Requirement {
    let origins: Set<String>
    var phase: RequestPhase { .network }
    var problems: [Problem.Kind] { [.csrfFailed] }
    var summary: RequirementSummary { PublicEndpoint().summary }

    func check(_ call: Request) throws(Problem) -> ClientInfo {
        if let origin = call.headers[.origin], !origins.contains(origin) {
            throw Problem(.csrfFailed, title: "Invalid request origin")
        }
        return PublicEndpoint().check(call)
    }
}

/// Somebody signed in, and, where they are by cookie, what their pages prove themselves with.
struct BrowserMember: Requirement {
    let member: Member
    var phase: RequestPhase { member.phase }
    var problems: [Problem.Kind] { member.problems }
    var summary: RequirementSummary { member.summary }

    struct Proof: Sendable {
        let scope: Scope
        let csrf: String?
    }

    func check(_ call: Request) async throws(Problem) -> Proof {
        let scope = try await member.check(call)
        return Proof(scope: scope, csrf: call.context.value(of: BrowserAuthentication.self)?.csrf)
    }
}

/// A payload that comes with a cookie.
struct WithCookie<Body: Payload>: ResponseConvertible, Sendable {
    let body: Body
    let cookie: String

    init(_ body: Body, cookie: String) {
        self.body = body
        self.cookie = cookie
    }

    static var documented: [DocumentedResponse] { Body.documented }
    func response() throws(Problem) -> Response {
        var response = try body.response()
        response.headers.append(HTTPField(name: .setCookie, value: cookie))
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
