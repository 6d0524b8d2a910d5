import HTTPTypes
package import Modules
import Secrets

/// Somebody signed in, by a bearer token in the `Authorization` header or a browser's cookie.
package struct Member: Requirement {
    let tokens: TokenIssuer
    let origins: Set<String>
    let cookies: CookieReader

    package var stage: GateStage { .identity }
    package var problems: [Problem.Kind] { [.missingAuthorization, .authenticationFailed, .tokenExpired, .csrfFailed] }
    package var summary: GateSummary { GateSummary(.member) }

    package func check(_ call: Call) async throws(Problem) -> Scope {
        if let known = call.facts.value(of: Scope.self) { return known }
        if let scope = try await cookies.scope(of: call) {
            call.facts.set(scope)
            call.facts.accountName = scope.person.text
            return scope
        }
        guard let header = call.headers[.authorization] else {
            throw Problem(.missingAuthorization, headers: ["WWW-Authenticate": "Bearer"])
        }
        // Only the scheme's name is case-insensitive (RFC 9110, section 11.1).
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem(
                .authenticationFailed, members: ["details": "the Authorization header must be 'Bearer' and a token"], headers: ["WWW-Authenticate": "Bearer"])
        }
        let token = try await tokens.verify(String(parts[1]))
        try checkOrigin(of: call, token)
        let scope = Scope(
            organisation: token.organisation,
            person: token.person,
            role: token.role,
            session: token.session,
            requestID: call.requestID,
            address: call.address
        )
        call.facts.set(scope)
        call.facts.accountName = token.person.text
        return scope
    }

    /// Cross-site request forgery: a browser says where a changing request comes from, and only our own pages know the token's `csrf` claim.
    private func checkOrigin(of call: Call, _ token: VerifiedToken) throws(Problem) {
        guard [.post, .put, .patch, .delete].contains(call.method), let origin = call.headers[.origin] else { return }
        func refuse(_ title: String) -> Problem { Problem(.csrfFailed, title: title) }
        guard origins.contains(origin) || origins.contains("*") else { throw refuse("Invalid request origin") }
        guard !token.csrf.isEmpty else { throw refuse("Missing CSRF claim in token") }
        guard let sent = call.headers[.csrfToken] else { throw refuse("Missing X-CSRF-Token header") }
        guard constantTimeEquals(sent.utf8, token.csrf.utf8) else { throw refuse("Invalid CSRF token") }
    }
}

/// Somebody signed in who has one of the roles; administrators have them all.
package struct RoleRequirement: Requirement {
    let member: Member
    let roles: [Role]

    package var stage: GateStage { .account }
    package var problems: [Problem.Kind] { member.problems + [.insufficientRole] }
    package var summary: GateSummary { GateSummary(.role, roles.map(\.rawValue).joined(separator: "|")) }

    package func check(_ call: Call) async throws(Problem) -> Scope {
        let scope = try await member.check(call)
        guard roles.contains(scope.role) || scope.role == .admin else {
            throw Problem(.insufficientRole, detail: "This needs the role \(roles.map(\.rawValue).joined(separator: " or ")).")
        }
        return scope
    }
}

extension Problem.Kind {
    package static let csrfFailed = Self("csrf-failed", "Invalid CSRF token", status: 403)
    package static let insufficientRole = Self("insufficient-role", "Your role does not allow this", status: 403)
}
