import HTTPTypes
import Modules

/// The session cookie of a request without an `Authorization` header, which takes precedence.
struct CookieReader: CredentialReader {
    let browserSessions: BrowserSessionService
    let csrfProtection: CSRFProtection

    var problems: [Problem.Kind] { [.authenticationFailed, .tokenExpired, .csrfFailed] }

    func scope(of request: Request) async throws(Problem) -> Scope? {
        guard !request.headers.contains(.authorization), let text = browserSessions.cookie.value(in: request) else {
            return nil
        }
        let token = try await browserSessions.verify(text)
        try csrfProtection.checkCookie(request, csrf: token.csrf)
        request.context.set(BrowserAuthentication(csrf: token.csrf))
        return Scope(token, of: request)
    }
}

/// The CSRF token of a request's session cookie, in the request's context.
struct BrowserAuthentication: Sendable {
    let csrf: String
}
