import HTTPTypes
import Modules
import Secrets

/// Reads one kind of credential from a request: a bearer token, an API key, a session cookie.
protocol CredentialReader: Sendable {
    /// The problems that `scope(of:)` throws.
    var problems: [Problem.Kind] { get }
    /// - Returns: nil where the request has no credential of this kind; the next reader is tried.
    /// - Throws: for an invalid credential of this kind; no other reader is tried.
    func scope(of request: Request) async throws(Problem) -> Scope?
}

/// An access token in the `Authorization` header.
struct BearerReader: CredentialReader {
    let tokens: TokenIssuer
    let csrfProtection: CSRFProtection

    var problems: [Problem.Kind] { [.authenticationFailed, .tokenExpired, .csrfFailed] }

    func scope(of request: Request) async throws(Problem) -> Scope? {
        guard let header = request.headers.value(of: .authorization) else { return nil }
        guard let text = Self.token(in: header) else {
            throw Problem(
                .authenticationFailed, members: ["details": "the Authorization header must be 'Bearer' and a token"],
                headers: ["WWW-Authenticate": "Bearer"])
        }
        let token = try await tokens.verify(String(text))
        try csrfProtection.check(request, csrf: token.csrf)
        return Scope(token, of: request)
    }

    private static let scheme = Array("bearer ".utf8)

    /// The token after one or more spaces (RFC 9110, section 11.6.2).
    /// - Returns: nil for another scheme, whose name is case-insensitive (section 11.1), and without a token.
    static func token(in header: String) -> Substring? {
        // The bit 0x20 distinguishes an ASCII letter from its capital.
        guard header.utf8.count > scheme.count, zip(header.utf8, scheme).allSatisfy({ $0 | ($1 & 0x20) == $1 }) else {
            return nil
        }
        let token = header.utf8.dropFirst(scheme.count).drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return token.isEmpty ? nil : Substring(token)
    }
}
