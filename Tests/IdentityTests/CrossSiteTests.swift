import App
import Base
import Modules
import TestKit
import Testing

/// Requests that a browser sends for a page of somebody else's.
@Suite struct CrossSiteTests {
    private static let ours = "https://app.example.org"

    private func withApp(_ body: (TestApp) async throws -> Void) async throws {
        try await withTestApp(.sqlite, change: { $0.corsOrigins = [Self.ours] }, body)
    }

    @Test func `a changing request from a page says where it comes from and proves it`() async throws {
        try await withApp { app in
            let person = try await app.register()
            let refusals: [(headers: [String: String], sentence: String)] = [
                (["Origin": "https://mallory.example", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": "null", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": "https://app.example.org.mallory.example"], "Invalid request origin"),
                (["Origin": "http://app.example.org", "X-CSRF-Token": person.csrf], "Invalid request origin"),
                (["Origin": Self.ours], "Missing X-CSRF-Token header"),
                (["Origin": Self.ours, "X-CSRF-Token": ""], "Invalid CSRF token"),
                (["Origin": Self.ours, "X-CSRF-Token": person.csrf + "x"], "Invalid CSRF token"),
                (["Origin": Self.ours, "X-CSRF-Token": String(person.csrf.reversed())], "Invalid CSRF token"),
            ]
            for (headers, sentence) in refusals {
                let response = await app.call("POST", "/v1/auth/logout", token: person.token, headers: headers)
                #expect(response.status == 403, "\(headers)")
                #expect(response.code == "csrf-failed")
                #expect(response["error"] == .string(sentence))
                #expect(response["title"] == .string(sentence))
            }
            #expect(try await app.endings(of: person) == [nil])
            let passed = await app.call(
                "POST", "/v1/auth/logout", token: person.token,
                headers: ["Origin": Self.ours, "X-CSRF-Token": person.csrf])
            #expect(passed.status == 200)
            #expect(try await app.endings(of: person) == ["signed out"])
        }
    }

    @Test func `the proof of one session is none for another`() async throws {
        try await withApp { app in
            let person = try await app.register()
            let other = try await app.register("mallory")
            let response = await app.call(
                "POST", "/v1/auth/logout", token: person.token,
                headers: ["Origin": Self.ours, "X-CSRF-Token": other.csrf])
            #expect(response["error"] == "Invalid CSRF token")
        }
    }

    @Test func `a token without the claim proves nothing`() async throws {
        try await withApp { app in
            let person = try await app.register()
            var forgery = try Forgery(of: person.token)
            forgery.claims["csrf"] = ""
            let token = try forgery.signed(by: await app.signingKey())
            let response = await app.call(
                "POST", "/v1/auth/logout", token: token, headers: ["Origin": Self.ours, "X-CSRF-Token": ""])
            #expect(response.status == 403)
            #expect(response["error"] == "Missing CSRF claim in token")
        }
    }

    @Test func `reading, and calling without a browser, need no proof`() async throws {
        try await withApp { app in
            let person = try await app.register()
            #expect(
                await app.call(
                    "GET", "/v1/auth/profile", token: person.token, headers: ["Origin": "https://mallory.example"]
                ).status == 200)
            #expect(await app.call("POST", "/v1/auth/logout", token: person.token).status == 200)
        }
    }
}
