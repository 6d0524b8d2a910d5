import HTTPTypes
import Modules

/// The requirement of a public endpoint that sets a cookie: an `Origin` header has to be an allowed one, so that other
/// sites' pages cannot sign their visitors in here.
struct BrowserClient: Requirement {
    let origins: Set<String>
    var phase: RequestPhase { .network }
    var problems: [Problem.Kind] { [.csrfFailed] }
    var summary: RequirementSummary { PublicEndpoint().summary }

    func check(_ request: Request) throws(Problem) -> ClientInfo {
        if let origin = request.headers[.origin], !origins.contains(origin) {
            throw Problem(.csrfFailed, title: "Invalid request origin")
        }
        return PublicEndpoint().check(request)
    }
}

/// The requirement ``Member``, with the CSRF token of a session cookie.
struct BrowserMember: Requirement {
    let member: Member
    var phase: RequestPhase { member.phase }
    var problems: [Problem.Kind] { member.problems }
    var summary: RequirementSummary { member.summary }

    struct Proof: Sendable {
        let scope: Scope
        /// Nil where the credential is not a cookie.
        let csrf: String?
    }

    func check(_ request: Request) async throws(Problem) -> Proof {
        let scope = try await member.check(request)
        return Proof(scope: scope, csrf: request.context.value(of: BrowserAuthentication.self)?.csrf)
    }
}

/// The requirement of signing out with a cookie: ``Member``, or the cookie of a session that has ended, which is to be
/// deleted all the same.
struct BrowserSignOut: Requirement {
    let member: Member
    let client: BrowserClient
    let cookie: BrowserCookie
    var phase: RequestPhase { member.phase }
    var problems: [Problem.Kind] { member.problems }
    var summary: RequirementSummary { member.summary }

    /// - Returns: nil for the cookie of a session that has ended.
    func check(_ request: Request) async throws(Problem) -> Scope? {
        do {
            return try await member.check(request)
        } catch {
            guard !request.headers.contains(.authorization), !request.headers.contains(.apiKey),
                cookie.value(in: request) != nil, [.tokenExpired, .authenticationFailed].contains(error.kind)
            else { throw error }
            // Other sites' pages cannot sign their visitors out.
            _ = try client.check(request)
            return nil
        }
    }
}
