import HTTPTypes
import Modules
import Secrets

/// Reads one kind of credential off a call: a bearer token, an API key, a cookie.
protocol CredentialReader: Sendable {
    /// What it refuses with.
    var problems: [Problem.Kind] { get }
    /// - Returns: nil where the call brings no credential of this kind, so that the next reader is asked.
    /// - Throws: for a credential of this kind that is not good; no other reader is asked then.
    func scope(of call: Request) async throws(Problem) -> Scope?
}

/// An access token in the `Authorization` header.
struct BearerReader: CredentialReader {
    let tokens: TokenIssuer
    let crossSite: CSRFProtection

    var problems: [Problem.Kind] { [.authenticationFailed, .tokenExpired, .csrfFailed] }

    func scope(of call: Request) async throws(Problem) -> Scope? {
        guard let header = call.headers.value(of: .authorization) else { return nil }
        guard let text = Self.token(in: header) else {
            throw Problem(
                .authenticationFailed, members: ["details": "the Authorization header must be 'Bearer' and a token"],
                headers: ["WWW-Authenticate": "Bearer"])
        }
        let token = try await tokens.verify(String(text))
        try crossSite.check(call, csrf: token.csrf)
        return Scope(
            organisation: token.organisation,
            person: token.person,
            role: token.role,
            credential: .session(token.session),
            impersonator: token.impersonator,
            requestID: call.requestID,
            address: call.address
        )
    }

    private static let scheme = Array("bearer ".utf8)

    /// Only the scheme's name is case-insensitive (RFC 9110, section 11.1).
    static func token(in header: String) -> Substring? {
        // A small letter differs from its capital in this bit.
        guard header.utf8.count > scheme.count, zip(header.utf8, scheme).allSatisfy({ $0 | ($1 & 0x20) == $1 }) else {
            return nil
        }
        return header[header.utf8.index(header.startIndex, offsetBy: scheme.count)...]
    }
}
