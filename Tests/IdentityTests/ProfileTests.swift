import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct ProfileTests {
    private static let common: Set<String> = [
        "id", "email", "role", "roles", "is_active", "email_verified", "organisation_id", "created_at", "updated_at",
        "last_login", "sign_in_count", "active_sessions_count",
    ]

    @Test(arguments: Engine.available)
    func `a profile has the documented members`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for path in ["/v1/auth/me", "/v1/auth/profile", "/api/v1/auth/profile"] {
                let response = await app.call("GET", path, token: person.token)
                #expect(response.status == 200)
                #expect(response.members == Self.common.union(["is_verified", "user"]))
                #expect(response["sign_in_count"] == 1 && response["active_sessions_count"] == 0)
                #expect(response["last_login"] == "2026-01-31T12:00:00Z")
                #expect(response["user"]?["id"] == .string(person.id.text))
            }
            let full = await app.call("GET", "/v1/user/profile", token: person.token)
            #expect(
                full.members
                    == Self.common.union([
                        "permissions", "preferences", "session_count", "message_count", "token_usage",
                        "workspace_bytes",
                    ]))
            #expect((full["session_count"], full["message_count"], full["token_usage"]) == (0, 0, 0))
            #expect(full["preferences"] == [:])
            #expect(full["permissions"] == [])
            let administrator = try await app.administrator()
            #expect(
                await app.call("GET", "/v1/user/profile", token: administrator.token)["permissions"] == [
                    "admin", "analytics", "debug",
                ])

            let verified = await app.call("GET", "/v1/auth/verify", token: person.token)
            #expect(verified.members == ["valid", "user_id", "email", "organisation_id", "role", "user"])
            #expect(verified["valid"] == true)
            #expect(verified["user"]?["email"] == .string(person.email))
        }
    }

    @Test(arguments: Engine.available)
    func `an account is cached; a change of this process is visible at once, of others within half a second`(
        _ engine: Engine
    ) async throws {
        let counter = CountingDatabase.Counter()
        try await withTestApp(engine, databaseWrapper: { CountingDatabase($0, counter) }) { app in
            let person = try await app.register()
            func name() async -> JSONValue? {
                await app.call("GET", "/v1/auth/profile", token: person.token)["full_name"]
            }
            _ = await name()
            let before = counter.total
            for path in ["/v1/auth/profile", "/v1/auth/me", "/v1/auth/verify"] {
                #expect(await app.call("GET", path, token: person.token).status == 200)
            }
            #expect(counter.total == before)

            #expect(
                await app.call("PUT", "/v1/auth/me", json: ["full_name": "First"], token: person.token)["full_name"]
                    == "First")
            #expect(await name() == "First")
            let second = try #require(await app.signIn(person)["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token)["sign_in_count"] == 2)
            #expect(await app.call("POST", "/v1/auth/logout", token: second).status == 200)
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token)["sign_in_count"] == 1)

            // A change by another process.
            try await app.app.database.write {
                try $0.execute("UPDATE people SET full_name = 'Other' WHERE id = \(person.id)")
            }
            app.clock.advance(by: .milliseconds(500))
            #expect(await name() == "Other")
        }
    }

    @Test(arguments: Engine.available)
    func `names, phone and preferences can be changed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            app.clock.advance(by: .minutes(5))
            let preferences: JSONValue = [
                "theme": "dark", "editorFont": ["size": 12.5, "face": "mono\0space"], "tabs": [1, .null, true],
            ]
            let change: JSONValue = [
                "username": " TestUser ", "full_name": " Test  User ", "first_name": "Test",
                "last_name": "User", "phone": "+44 1",
                "preferences": preferences,
            ]
            let response = await app.call("PUT", "/v1/user/profile", json: change, token: person.token)
            #expect(response.status == 200)
            #expect(
                (response["username"], response["full_name"], response["phone"]) == (
                    "TestUser", "Test  User", "+44 1"
                ))
            #expect(response["preferences"] == preferences)
            #expect(response["updated_at"] == "2026-01-31T12:05:00Z")
            #expect(await app.call("GET", "/v1/user/profile", token: person.token).json == response.json)
            #expect(await app.signIn("TESTUSER", person.password).status == 200)
            #expect(
                try await app.audited("profile.changed").map(\.details) == [
                    #"{"fields":"username full_name first_name last_name phone preferences"}"#
                ])

            // An absent member is unchanged, an empty one deletes the value, and an unchanged email is accepted.
            let again = await app.call(
                "PUT", "/v1/auth/me", json: ["phone": "", "last_name": .null, "email": .string(person.email)],
                token: person.token)
            #expect(again.status == 200)
            #expect(again["phone"] == nil)
            #expect(again["last_name"] == "User")
            #expect(await app.call("GET", "/v1/user/profile", token: person.token)["preferences"] == preferences)
        }
    }

    @Test(arguments: Engine.available)
    func `invalid values and user names of other accounts are refused and change nothing`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            _ = await app.call("PUT", "/v1/auth/me", json: ["username": "testuser"], token: other.token)
            let before = await app.call("GET", "/v1/user/profile", token: person.token)
            for spelling in ["testuser", "TESTUSER", "ｔｅｓｔｕｓｅｒ"] {
                let response = await app.call(
                    "PUT", "/v1/user/profile", json: ["username": .string(spelling)], token: person.token)
                #expect(response.status == 409)
                #expect(response.code == "account-exists")
            }
            let large = JSONValue.object([
                "a": .string(String(repeating: "a", count: ProfileService.preferencesBytesMax))
            ])
            let refused: [(JSONValue, String)] = [
                (["email": "new@example.org"], "/email"), (["username": .string(other.email)], "/username"),
                (["username": "t\u{0435}stuser"], "/username"),
                (["username": "test\u{200B}user"], "/username"), (["full_name": "Test\r\nBcc: all"], "/full_name"),
                (["phone": "1\u{202E}2"], "/phone"),
                (["preferences": large], "/preferences"), (["preferences": ["a"]], "/preferences"),
                (["role": "admin"], "/role"),
                (["is_active": true], "/is_active"), (["password": "another good password"], "/password"),
            ]
            for (body, pointer) in refused {
                let response = await app.call("PUT", "/v1/user/profile", json: body, token: person.token)
                #expect(response.status == 422, "\(pointer): \(response)")
                #expect(response.pointers == [pointer])
            }
            #expect(await app.call("GET", "/v1/user/profile", token: person.token).json == before.json)
            #expect(try await app.audited("profile.changed").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `closing an account requires confirm=true, and its address stays reserved`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let reset = try await app.resetChallenge(person)
            for path in ["/v1/user/profile", "/v1/user/profile?confirm=false"] {
                let response = await app.call("DELETE", path, token: person.token)
                #expect(response.status == 400)
                #expect(response.code == "confirmation-required")
            }
            #expect(await app.call("DELETE", "/v1/user/profile?confirm=yes", token: person.token).status == 422)
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).status == 200)

            let response = await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token)
            #expect(response.status == 200)
            #expect(response.json == ["message": "The account is closed", "email": .string(person.email)])
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).code == "token-expired")
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(await app.signIn(person).code == "account-suspended")
            #expect(
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(person.email), "password": "another good password"]
                ).status == 409)
            let late = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(reset.token), "new_password": "another good password"])
            #expect(late.code == "invalid-proof")
            #expect(try await app.revocationReasons(of: person) == ["account closed"])
            #expect(try await app.audited("account.closed").map(\.subject) == [person.id.text])

            try await app.app.identity.accounts.restore(person.id)
            #expect(await app.signIn(person).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `verify-token reports whether a token is valid`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            func verify(_ token: String) async -> TestResponse {
                await app.call("POST", "/v1/auth/verify-token", json: ["token": .string(token)])
            }
            let person = try await app.register()
            let valid = await verify(person.token)
            #expect(
                valid.json == [
                    "valid": true, "user_id": .string(person.id.text), "email": .string(person.email),
                    "organisation_id": .string(person.organisation),
                    "role": "user", "expires_at": "2026-01-31T12:15:00Z",
                ])
            for (token, reason) in [
                ("nonsense", "token is malformed"), (person.token + "x", "token"),
                (person.refreshToken, "token is malformed"),
            ] {
                let invalid = await verify(token)
                #expect(invalid.status == 200)
                #expect(invalid.members == ["valid", "reason"])
                #expect(invalid["valid"] == false)
                #expect(invalid["reason"]?.string?.contains(reason) == true)
            }
            let other = await app.signIn(person)
            _ = await app.call("POST", "/v1/auth/logout", token: person.token)
            #expect(await verify(person.token)["valid"] == false)
            let token = try #require(other["access_token"]?.string)
            #expect(await verify(token)["valid"] == true)
            app.clock.advance(by: .minutes(15))
            #expect(await verify(token).json == ["valid": false, "reason": "Invalid or expired token"])
        }
    }

    @Test(arguments: Engine.available)
    func `verify-token judges the bearer token where the body names none`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            func verify(_ json: JSONValue?, _ token: String?) async -> TestResponse {
                await app.call("POST", "/v1/auth/verify-token", json: json, token: token)
            }
            for body: JSONValue? in [nil, [:]] {
                let valid = await verify(body, person.token)
                #expect(valid["valid"] == true && valid["user_id"] == .string(person.id.text), "\(valid)")
                #expect(await verify(body, "nonsense")["valid"] == false)
                let missing = await verify(body, nil)
                #expect(missing.status == 422 && missing.pointers == ["/token"], "\(missing)")
            }
            let named = await verify(["token": .string(other.token)], person.token)
            #expect(named["user_id"] == .string(other.id.text))
        }
    }

    @Test(arguments: Engine.available)
    func `verify-token refuses the token of a member who was removed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            let id = try await app.organisation(of: owner)
            try await app.join(guest, id, as: "member", invitedBy: owner)
            let switched = await app.call(
                "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(id)], token: guest.token)
            let token = try #require(switched["access_token"])
            func verify(_ node: TestApp) async -> TestResponse {
                await node.call("POST", "/v1/auth/verify-token", json: ["token": token])
            }
            try await app.withSecondProcess { second in
                for node in [app, second] { #expect(await verify(node)["organisation_id"] == .string(id)) }
                let removed = await app.call(
                    "DELETE", "/v1/organisations/\(id)/members/\(guest.id)", token: owner.token)
                #expect(removed.status == 204, "\(removed)")
                app.clock.advance(by: .seconds(1))
                for node in [app, second] {
                    #expect(await verify(node).json == ["valid": false, "reason": "Invalid or expired token"])
                }
            }
        }
    }

    @Test func `a profile has the sum of the usage that modules report`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for _ in 0..<2 {
                app.app.identity.events.addUsage { id, _, _ in
                    var usage = ProfileUsage()
                    (usage.sessions, usage.messages, usage.tokens) = (1, 20, 300)
                    usage.keyPrefix = "gh_test_\(id.text.prefix(4))"
                    return usage
                }
            }
            let plain = await app.call("GET", "/v1/user/profile", token: person.token)
            #expect((plain["session_count"], plain["message_count"], plain["token_usage"]) == (2, 40, 600))
            #expect(plain["api_key"] == nil)
            let withKey = await app.call("GET", "/v1/user/profile?include_api_key=true", token: person.token)
            #expect(withKey["api_key"] == .string("gh_test_\(person.id.text.prefix(4))"))
        }
    }
}
