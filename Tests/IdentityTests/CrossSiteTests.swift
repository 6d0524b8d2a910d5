import App
import Base
import Modules
import TestKit
import Testing

/// Requests of a browser from another origin.
@Suite struct CrossSiteTests {
    private static let allowedOrigin = "https://app.example.org"

    private func withApp(_ body: (TestApp) async throws -> Void) async throws {
        try await withTestApp(.sqlite, change: { $0.corsOrigins = [Self.allowedOrigin] }, body)
    }

    @Test func `an unsafe method with an Origin requires an allowed one and the CSRF token`() async throws {
        try await withApp { app in
            let person = try await app.register()
            let refusals: [(headers: [String: String], sentence: String)] = [
                (["Origin": "https://attacker.example", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": "null", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": "https://app.example.org.attacker.example"], "Invalid request origin"),
                (["Origin": "http://app.example.org", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": Self.allowedOrigin], "Missing X-CSRF-Token header"),
                (["Origin": Self.allowedOrigin, "X-CSRF-Token": ""], "Invalid CSRF token"),
                (["Origin": Self.allowedOrigin, "X-CSRF-Token": person.csrf + "x"], "Invalid CSRF token"),
                (["Origin": Self.allowedOrigin, "X-CSRF-Token": String(person.csrf.reversed())], "Invalid CSRF token"),
            ]
            for (headers, sentence) in refusals {
                let response = await app.call("POST", "/v1/auth/logout", token: person.token, headers: headers)
                #expect(response.status == 403, "\(headers)")
                #expect(response.code == "csrf-failed")
                #expect(response["error"] == .string(sentence))
                #expect(response["title"] == .string(sentence))
            }
            #expect(try await app.revocationReasons(of: person) == [nil])
            let passed = await app.call(
                "POST", "/v1/auth/logout", token: person.token,
                headers: ["Origin": Self.allowedOrigin, "X-CSRF-Token": person.csrf])
            #expect(passed.status == 200)
            #expect(try await app.revocationReasons(of: person) == ["signed out"])
        }
    }

    @Test func `the CSRF token of another session is refused`() async throws {
        try await withApp { app in
            let person = try await app.register()
            let other = try await app.register("other")
            let response = await app.call(
                "POST", "/v1/auth/logout", token: person.token,
                headers: ["Origin": Self.allowedOrigin, "X-CSRF-Token": other.csrf])
            #expect(response["error"] == "Invalid CSRF token")
        }
    }

    @Test func `a token without the CSRF claim is refused`() async throws {
        try await withApp { app in
            let person = try await app.register()
            var tampered = try TamperedToken(of: person.token)
            tampered.claims["csrf"] = ""
            let token = try tampered.signed(by: await app.signingKey())
            let response = await app.call(
                "POST", "/v1/auth/logout", token: token, headers: ["Origin": Self.allowedOrigin, "X-CSRF-Token": ""])
            #expect(response.status == 403)
            #expect(response["error"] == "Missing CSRF claim in token")
        }
    }

    @Test func `GET, and requests without an Origin, need no CSRF token`() async throws {
        try await withApp { app in
            let person = try await app.register()
            #expect(
                await app.call(
                    "GET", "/v1/auth/profile", token: person.token, headers: ["Origin": "https://attacker.example"]
                ).status == 200)
            #expect(await app.call("POST", "/v1/auth/logout", token: person.token).status == 200)
        }
    }
}
