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
