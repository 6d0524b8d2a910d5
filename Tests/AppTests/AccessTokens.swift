import App
import Base
import Identity
import TestKit

/// Access tokens of accounts: one login each, reused until a call may have ended the session.
///
/// A token of an ended session is refused with `token-expired`, which the tests do not accept from a caller with a
/// session: a missing ``invalidate(_:)`` fails the test.
final class AccessTokens {
    private let app: TestApp
    private var tokens: [String: String] = [:]

    init(_ app: TestApp) { self.app = app }

    /// - Throws: ``UnexpectedResponse`` when the login fails.
    func token(of person: TestPerson) async throws -> String {
        if let token = tokens[person.email] { return token }
        let response = await app.call(
            "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        tokens[person.email] = token
        return token
    }

    /// Makes the next ``token(of:)`` log in again.
    func invalidate(_ person: TestPerson) { tokens[person.email] = nil }
}
