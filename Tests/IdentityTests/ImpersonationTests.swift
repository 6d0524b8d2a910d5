import App
import Base
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

/// Sessions of an administrator in the name of a user.
@Suite struct ImpersonationTests {
    private static let reason: JSONValue = ["reason": "They cannot find their files"]

    @Test(arguments: Engine.available)
    func `an impersonation lasts an hour, is audited with both accounts and reported by e-mail`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let response = await app.call(
                "POST", "/v1/auth/users/\(person.id)/impersonation", json: Self.reason, token: administrator.token)
            #expect(response.status == 201 && response["expires_in"] == 3600 && response["refresh_token"] == nil)
            let token = try #require(response["access_token"]?.string)
            let claims = try #require(token.claims)
            #expect(
                claims["sub"] == .string(person.id.text) && claims["act"]?["sub"] == .string(administrator.id.text)
                    && claims["role"] == "user")
            #expect(await app.call("GET", "/v1/auth/profile", token: token)["user"]?["id"] == .string(person.id.text))

            let begun = try #require(try await app.audited("impersonation.begun").first)
            #expect(
                begun.actor == administrator.id.text && begun.details == #"{"reason":"They cannot find their files"}"#)
            let mail = try await app.mail(to: person.email).filter { $0.text.contains("They cannot find their files") }
            #expect(mail.count == 1 && mail.first?.text.contains(administrator.email) == true)

            // Actions are audited with both accounts.
            #expect(await app.call("GET", "/v1/auth/users", token: token).code == "insufficient-role")
            let both = try await app.app.database.read { transaction in
                try transaction.all(
                    "SELECT actor_id, impersonator_id FROM audit_events WHERE action = 'access.refused'"
                ) { row in
                    [try row["actor_id"] as String?, try row["impersonator_id"] as String?]
                }
            }
            #expect(both == [[person.id.text, administrator.id.text]])

            app.clock.advance(by: .minutes(59))
            #expect(await app.call("GET", "/v1/auth/verify", token: token).status == 200)
            app.clock.advance(by: .minutes(1))
            #expect(await app.call("GET", "/v1/auth/verify", token: token).code == "token-expired")
        }
    }

    @Test(arguments: Engine.available)
    func `an impersonation ends when it is cancelled, with the user's sessions and with the administrator's role`(
        engine: Engine
    )
        async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), other = try await app.administrator(),
                person = try await app.register()
            func begin() async throws -> String {
                let path = "/v1/auth/users/\(person.id)/impersonation"
                return try #require(
                    await app.call("POST", path, json: Self.reason, token: administrator.token)["access_token"]?.string)
            }
            func isValid(_ token: String) async -> Bool {
                await app.call("GET", "/v1/auth/verify", token: token).status == 200
            }

            let first = try await begin()
            #expect(
                await app.call("DELETE", "/v1/auth/users/\(person.id)/impersonation", token: other.token)["ended"] == 1)
            #expect(await !isValid(first))
            #expect(await isValid(person.token), "the session of the user continues")
            let second = try await begin()
            #expect(await app.call("POST", "/v1/auth/logout", token: second).status == 200)
            #expect(await !isValid(second))
            #expect(await isValid(person.token))
            let third = try await begin()
            #expect(
                await app.call("PATCH", "/v1/auth/users/\(person.id)", json: ["end_sessions": true], token: other.token)
                    .status == 200)
            #expect(await !isValid(third))
            let fourth = try await begin()
            #expect(
                await app.call(
                    "PATCH", "/v1/auth/users/\(administrator.id)", json: ["role": "user"], token: other.token
                ).status == 200)
            #expect(await !isValid(fourth))
            #expect(try await app.audited("impersonation.ended").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a revocation is kept for the lifetime of the token, also across a restart`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let path = "/v1/auth/users/\(person.id)/impersonation"
            let token = try #require(
                await app.call("POST", path, json: Self.reason, token: administrator.token)["access_token"]?.string)
            #expect(await app.call("DELETE", path, token: administrator.token)["ended"] == 1)
            app.clock.advance(by: .minutes(50))
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/verify", token: token).code == "token-expired")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `endpoints of credentials, members, payments and the account itself are refused`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let path = "/v1/auth/users/\(person.id)/impersonation"
            let token = try #require(
                await app.call("POST", path, json: Self.reason, token: administrator.token)["access_token"]?.string)
            let endpoints = [
                ("POST", "auth/change-password"), ("POST", "auth/change-email"), ("POST", "auth/mfa/setup"),
                ("POST", "auth/mfa/disable"),
                ("POST", "auth/mfa/backup-codes"),
                ("POST", "auth/api-keys"), ("POST", "user/profile/reset-api-key"), ("DELETE", "auth/sessions"),
                ("DELETE", "user/profile"),
                ("POST", "organisations"), ("POST", "organisations/\(person.organisation)/invitations"),
                ("POST", "invitations/acceptance"),
                ("POST", "user/export"), ("POST", "user/erasure"), ("DELETE", "user/erasure"),
                ("POST", "payments/subscribe"),
                ("POST", "payments/cancel-subscription"), ("POST", "payments/start-trial"),
            ]
            for (method, path) in endpoints {
                let response = await app.call(method, "/v1/\(path)", json: method == "POST" ? [:] : nil, token: token)
                #expect(
                    response.status == 403 && response.code == "impersonation-not-allowed",
                    "\(method) \(path): \(response.status) \(response.code ?? "")")
            }
            #expect(await app.call("GET", "/v1/user/erasure", token: token)["scheduled"] == false, "reading is allowed")
        }
    }

    @Test(arguments: Engine.available)
    func `administrators and suspended accounts cannot be impersonated, and no payment is made`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), other = try await app.administrator()
            let person = try await app.register(), suspended = try await app.register()
            try await app.app.identity.accounts.suspend(suspended.id)
            func begin(_ id: ID<Person>, _ body: JSONValue = Self.reason) async -> TestResponse {
                await app.call("POST", "/v1/auth/users/\(id)/impersonation", json: body, token: administrator.token)
            }
            for id in [administrator.id, other.id, suspended.id] {
                let response = await begin(id)
                #expect(response.status == 403 && response.code == "impersonation-not-allowed")
            }
            #expect(await begin(app.runtime.id()).status == 404)
            for reason in ["too short", String(repeating: "x", count: 501)] {
                #expect(await begin(person.id, ["reason": .string(reason)]).status == 422)
            }
            #expect(await begin(person.id, [:]).status == 422)
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE impersonator_id IS NOT NULL") == 0)
            #expect(
                await app.call(
                    "POST", "/v1/auth/users/\(person.id)/impersonation", json: Self.reason, token: person.token
                ).code == "insufficient-role")

            let token = try #require(await begin(person.id)["access_token"]?.string)
            let paid = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: token)
            #expect(paid.status == 403 && paid.code == "impersonation-not-allowed")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM subscriptions") == 0)
        }
    }
}

extension String {
    /// The claims of a token, without verification.
    fileprivate var claims: JSONValue? {
        let parts = split(separator: ".")
        return parts.count == 3 ? Base64URL.decode(parts[1]).flatMap { try? JSONValue(parsing: $0) } : nil
    }
}
