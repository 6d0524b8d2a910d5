import HTTPTypes
package import Modules
import Secrets

/// Cross-site request forgery: a browser says where a changing request comes from, and only our own pages know the proof that belongs to
/// the credential.
struct CSRFProtection: Sendable {
    /// Origins whose pages may call; `*` is any of them for a credential that no browser sends by itself.
    let origins: Set<String>

    /// A call with a token, which only whoever wrote the call can have put there: without an origin it is no browser's.
    /// - Parameter csrf: the claim of the token that the call came with.
    /// - Throws: `csrf-failed`, saying what is missing.
    func check(_ call: Request, csrf: String) throws(Problem) {
        guard Self.changes(call), let origin = call.headers[.origin] else { return }
        guard origins.contains(origin) || origins.contains("*") else { throw Self.foreign }
        guard !csrf.isEmpty else { throw Self.refusal("Missing CSRF claim in token") }
        try Self.compare(call, csrf)
    }

    /// A call with a cookie, which a browser sends whoever wrote the page: it must say where it comes from, and no wildcard stands in for
    /// an origin.
    /// - Throws: `csrf-failed`, saying what is missing.
    func checkCookie(_ call: Request, csrf: String) throws(Problem) {
        guard Self.changes(call) else { return }
        guard let origin = call.headers[.origin], origins.contains(origin) else { throw Self.foreign }
        try Self.compare(call, csrf)
    }

    private static func changes(_ call: Request) -> Bool { ![.get, .head, .options, .trace].contains(call.method) }

    private static func compare(_ call: Request, _ csrf: String) throws(Problem) {
        guard let sent = call.headers[.csrfToken] else { throw refusal("Missing X-CSRF-Token header") }
        guard constantTimeEquals(sent.utf8, csrf.utf8) else { throw refusal("Invalid CSRF token") }
    }

    private static var foreign: Problem { refusal("Invalid request origin") }
    private static func refusal(_ title: String) -> Problem { Problem(.csrfFailed, title: title) }
}

extension Problem.Kind {
    package static let csrfFailed = Self("csrf-failed", "Invalid CSRF token", status: 403)
}
