import HTTPTypes
package import Modules

/// The credential of a product that runs elsewhere: it belongs to no account and to no organisation. Entitlements has
/// the keys and the endpoints that accept them; every other endpoint refuses them.
package enum ServiceKeyCredential {
    /// Begins the text of every service key.
    package static let marker = "gh_svc_"

    /// The service key of a request, as a bearer token or in `X-API-Key`.
    /// - Returns: nil also for a request with both header fields, which ``Member/scope(of:)`` refuses.
    package static func text(in request: Request) -> String? {
        let text: Substring?
        if let header = request.headers.value(of: .authorization) {
            guard !request.headers.contains(.apiKey) else { return nil }
            text = BearerReader.token(in: header)
        } else {
            text = request.headers.value(of: .apiKey)?[...]
        }
        // Most requests have an access token: it is compared byte by byte and not copied.
        return text.flatMap { $0.utf8.starts(with: marker.utf8) ? String($0) : nil }
    }
}

/// Refuses service keys at the endpoints that require an account.
struct ServiceKeyRefusal: CredentialReader {
    var problems: [Problem.Kind] { [.authenticationFailed] }

    func scope(of request: Request) throws(Problem) -> Scope? {
        guard ServiceKeyCredential.text(in: request) != nil else { return nil }
        throw Problem(
            .authenticationFailed, members: ["details": "this endpoint does not accept service keys"],
            headers: ["WWW-Authenticate": "Bearer"])
    }
}

extension Member {
    /// Records the refusal of a service key in the audit trail.
    /// - Parameters:
    ///   - key: the id of a key that exists; it need not be valid.
    ///   - need: the scope, or what the key lacks otherwise.
    package func noteRefusal(ofServiceKey key: String, needing need: String, at request: Request) async throws(Problem)
    {
        try await refusals.note(serviceKey: key, needing: need, at: request)
    }

    /// The refusal of an account's credential by an endpoint that requires a service key; it is recorded in the audit
    /// trail.
    /// - Throws: what ``scope(of:)`` throws for a request without a valid credential.
    package func refusal(of request: Request, needingServiceKey scope: String) async throws(Problem) -> Problem {
        let account = try await self.scope(of: request)
        try await refusals.note(account, needing: "service key \(scope)", at: request)
        return Problem(
            .insufficientScope, detail: "This needs a service key with the scope \(scope).",
            members: ["scope": .string(scope)])
    }
}
