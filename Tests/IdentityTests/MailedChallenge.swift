import App
import Base
import Foundation
import Modules
import TestKit

/// The token and the code of an e-mail that verifies an address or resets a password.
struct MailedChallenge: Sendable, Equatable {
    var token: String
    var code: String
}

extension TestApp {
    /// The challenges sent to an address whose link has the path `page`, oldest first.
    func challenges(_ page: String, to address: String) async throws -> [MailedChallenge] {
        try await mail(to: address).filter { $0.text.contains("/\(page)?token") }.compactMap { mail in
            guard let token = mail.token, let code = mail.code else { return nil }
            return MailedChallenge(token: token, code: code)
        }
    }

    /// The challenge of the registration.
    /// - Throws: ``UnexpectedEmailCount`` unless there is exactly one.
    func verificationChallenge(_ person: TestPerson) async throws -> MailedChallenge {
        let found = try await challenges("verify-email", to: person.email)
        guard found.count == 1 else { throw UnexpectedEmailCount(count: found.count) }
        return found[0]
    }

    /// Requests a password reset.
    /// - Returns: the challenge of its e-mail.
    /// - Throws: ``UnexpectedEmailCount`` unless exactly one was sent.
    func resetChallenge(_ person: TestPerson) async throws -> MailedChallenge {
        let before = try await challenges("reset-password", to: person.email)
        _ = await call("POST", "/v1/auth/forgot-password", json: ["email": .string(person.email)])
        let new = try await challenges("reset-password", to: person.email).filter { !before.contains($0) }
        guard new.count == 1 else { throw UnexpectedEmailCount(count: new.count) }
        return new[0]
    }

    func verify(token: String) async -> TestResponse {
        await call("POST", "/v1/auth/verify-email", json: ["token": .string(token)])
    }

    func verify(_ email: String, code: String) async -> TestResponse {
        await call("POST", "/v1/auth/verify-email", json: ["email": .string(email), "otp_code": .string(code)])
    }

    func signIn(_ email: String, _ password: String) async -> TestResponse {
        await call("POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(password)])
    }

    func isVerified(_ person: TestPerson) async throws -> Bool {
        try await count(
            "SELECT COUNT(*) AS count FROM people WHERE id = \(person.id) AND email_verified_at IS NOT NULL") == 1
    }
}

struct UnexpectedEmailCount: Error {
    let count: Int
}

/// - Returns: a code that differs from `code`.
func wrong(_ code: String) -> String { code.first == "0" ? "1" + code.dropFirst() : "0" + code.dropFirst() }
