import App
import Base
import Identity
import Modules
import TestKit
import Testing

@Suite struct SignInTests {
    @Test(arguments: Engine.available)
    func `login accepts address or user name, as JSON or as an OAuth password form`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let registered = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": "user@example.org", "password": "correct horse battery", "username": "TestUser"]
            )
            let id = try #require(registered["user"]?["id"])
            let names: [JSONValue] = [
                ["email": "user@example.org"], ["email": "USER@example.org"],
                ["email": " user@example.org "], ["username": "testuser"],
                ["username": "ｔｅｓｔｕｓｅｒ"],
                ["email": "TestUser"],
                ["username": "user@example.org"],
            ]
            for name in names {
                var body = name.object ?? [:]
                body["password"] = "correct horse battery"
                let response = await app.call("POST", "/v1/auth/login", json: .object(body))
                #expect(response.status == 200, "\(name)")
                #expect(
                    response.members == [
                        "access_token", "refresh_token", "token_type", "expires_in", "csrf_token", "user",
                    ])
                #expect(response["user"]?["id"] == id)
            }
            let form =
                "grant_type=password&username=user%40example.org&password=correct+horse%20battery"
                + "&scope=&client_id=web&client_secret="
            let response = await app.call(
                "POST", "/v1/auth/login", body: ("application/x-www-form-urlencoded; charset=utf-8", Array(form.utf8)))
            #expect(response.status == 200)
            #expect(response["user"]?["id"] == id)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions") == Int64(names.count) + 2)

            let pair = await app.call(
                "POST", "/auth/signin", json: ["email": "user@example.org", "password": "correct horse battery"])
            #expect(pair.status == 200)
            #expect(pair["tokens"]?["refresh_token"] == pair["refresh_token"])
            #expect(pair["tokens"]?["token_type"] == "Bearer")
            #expect(pair["token_type"] == "bearer")
        }
    }

    @Test func `every login creates a session`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let first = await app.signIn(person)
            let second = await app.signIn(person)
            #expect(first["refresh_token"] != second["refresh_token"])
            #expect(first["csrf_token"] != second["csrf_token"])
            let profile = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(profile["sign_in_count"] == 3)
            app.clock.advance(by: .days(30))
            let late = await app.signIn(person)
            let token = try #require(late["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/me", token: token)["sign_in_count"] == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `an unknown name and a wrong password get the same response bytes`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let headers = ["X-Request-ID": "the-same-request"]
            func login(_ email: String, _ password: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(password)],
                    headers: headers)
            }
            let wrong = await login(person.email, "correct horse batterz")
            let unknown = await login("unknown@example.org", "correct horse battery")
            let long = await login(person.email, String(repeating: "long", count: 200))
            for response in [wrong, unknown, long] {
                #expect(response.status == 401)
                #expect(response.bytes == wrong.bytes)
                #expect(response.comparableHeaders == wrong.comparableHeaders)
            }
            #expect(wrong.code == "invalid-credentials")
            #expect(wrong["error"] == "Invalid email or password")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions") == 1)
            let audited = try await app.audited("session.created").filter { $0.outcome == "failure" }
            #expect(audited.count == 3)
            #expect(audited.filter { $0.subject == person.id.text }.count == 2)
        }
    }

    @Test func `a login without a name is refused with the missing member`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("POST", "/v1/auth/login", json: ["password": "correct horse battery"])
            #expect(response.status == 422)
            #expect(response.pointers == ["/email"])
            let empty = await app.call("POST", "/v1/auth/login", body: ("application/x-www-form-urlencoded", []))
            #expect(empty.status == 422)
            #expect(empty.pointers == ["/password"])
        }
    }

    @Test(arguments: Engine.available)
    func `a suspension is reported only for the correct password, and ends all sessions`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            try await app.app.identity.accounts.suspend(person.id)

            let right = await app.signIn(person)
            #expect(right.status == 403)
            #expect(right.code == "account-suspended")
            let wrong = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "a wrong password"])
            #expect(wrong.code == "invalid-credentials")

            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).code == "token-expired")
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(try await app.revocationReasons(of: person) == ["account suspended"])
            #expect(try await app.audited("account.suspended").map(\.subject) == [person.id.text])
            await #expect(throws: Problem.self) { try await app.app.identity.accounts.suspend(person.id) }
        }
    }
}
