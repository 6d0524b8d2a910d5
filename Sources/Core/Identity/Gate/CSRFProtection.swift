import HTTPTypes
package import Modules
import Secrets

/// Protection against cross-site request forgery: the origin of an unsafe request has to be allowed, and the request
/// has to repeat the CSRF token that belongs to its credential.
struct CSRFProtection: Sendable {
    /// Origins whose pages may send requests; `*` allows any origin for credentials that browsers do not attach by
    /// themselves.
    let origins: Set<String>

    /// Checks a request with a bearer token. Without an `Origin` header it does not come from a browser and passes.
    /// - Parameter csrf: the token's `csrf` claim.
    /// - Throws: `csrf-failed`, with what is missing.
    func check(_ request: Request, csrf: String) throws(Problem) {
        guard Self.isUnsafe(request), let origin = request.headers[.origin] else { return }
        guard origins.contains(origin) || origins.contains("*") else { throw Self.foreignOrigin }
        guard !csrf.isEmpty else { throw Self.refusal("Missing CSRF claim in token") }
        try Self.compare(request, csrf)
    }

    /// Checks a request with a session cookie, which browsers attach to requests of any page: the `Origin` header is
    /// required, and `*` does not count.
    /// - Throws: `csrf-failed`, with what is missing.
    func checkCookie(_ request: Request, csrf: String) throws(Problem) {
        guard Self.isUnsafe(request) else { return }
        guard let origin = request.headers[.origin], origins.contains(origin) else { throw Self.foreignOrigin }
        try Self.compare(request, csrf)
    }

    private static func isUnsafe(_ request: Request) -> Bool {
        ![.get, .head, .options, .trace].contains(request.method)
    }

    private static func compare(_ request: Request, _ csrf: String) throws(Problem) {
        guard let sent = request.headers[.csrfToken] else { throw refusal("Missing X-CSRF-Token header") }
        guard constantTimeEquals(sent.utf8, csrf.utf8) else { throw refusal("Invalid CSRF token") }
    }

    private static var foreignOrigin: Problem { refusal("Invalid request origin") }
    private static func refusal(_ title: String) -> Problem { Problem(.csrfFailed, title: title) }
}

extension Problem.Kind {
    package static let csrfFailed = Self("csrf-failed", "Invalid CSRF token", status: 403)
}
