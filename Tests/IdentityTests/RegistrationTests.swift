import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct RegistrationTests {
    @Test(arguments: Engine.available)
    func `registration creates an account, its organisation and a session`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let response = await app.call(
                "POST",
                "/v1/auth/register",
                json: [
                    "email": "User@Example.org", "password": "correct horse battery", "username": "testuser",
                    "full_name": "Test User",
                    "role": "student",
                ]
            )
            #expect(response.status == 201)
            #expect(
                response.members == ["access_token", "refresh_token", "token_type", "expires_in", "csrf_token", "user"])
            #expect(response["token_type"] == "bearer")
            #expect(response["expires_in"] == 900)
            let user = try #require(response["user"]?.object)
            #expect(
                Set(user.keys) == [
                    "id", "email", "username", "full_name", "role", "roles", "is_active", "is_verified",
                    "email_verified", "organisation_id", "created_at", "api_key",
                ])
            #expect(user["api_key"] == .null)
            #expect(user["email"] == "User@Example.org")
            #expect(user["role"] == "student")
            #expect(user["email_verified"] == false)
            #expect(user["created_at"] == "2026-01-31T12:00:00Z")

            let id = try #require(user["id"]?.string)
            #expect(
                try await app.count(
                    "SELECT COUNT(*) AS count FROM organisations WHERE personal_of = \(id) AND name = 'Test User'")
                    == 1)
            #expect(
                try await app.count(
                    "SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(id) AND role = 'owner'") == 1)
            #expect(
                try await app.count(
                    "SELECT COUNT(*) AS count FROM sessions WHERE person_id = \(id) AND address = '192.0.2.1'") == 1)
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM people WHERE password_hash LIKE '$2b$04$%'") == 1)
            #expect(try await app.audited("account.created").map(\.actor) == [id])
            #expect(try await app.audited("session.created").map(\.outcome) == ["success"])
        }
    }

    @Test func `the path signup adds the member tokens`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call(
                "POST", "/auth/signup", json: ["email": "user@example.org", "password": "correct horse battery"])
            #expect(response.status == 201)
            #expect(
                response.members == [
                    "access_token", "refresh_token", "token_type", "expires_in", "csrf_token", "user", "tokens",
                ])
            let pair = try #require(response["tokens"]?.object)
            #expect(Set(pair.keys) == ["access_token", "refresh_token", "token_type", "expires_in"])
            #expect(pair["access_token"] == response["access_token"])
            #expect(pair["refresh_token"] == response["refresh_token"])
            #expect(pair["token_type"] == "Bearer")
            #expect(pair["expires_in"] == 900)
        }
    }

    @Test(arguments: Engine.available)
    func `an address is compared without case and compatibility forms`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            func register(_ email: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/register", json: ["email": .string(email), "password": "correct horse battery"])
            }
            #expect(await register("finn.oné@example.org").status == 201)
            for spelling in [
                "finn.oné@example.org", "FINN.ONÉ@EXAMPLE.ORG", "ﬁnn.oné@example.org",
                "ｆｉｎｎ.oné@example.org",
                "finn.one\u{301}@example.org",
                "  finn.oné@example.org",
            ] {
                let response = await register(spelling)
                #expect(response.status == 409, "\(spelling)")
                #expect(response.code == "account-exists")
                #expect(response["error"] == "An account with this address or user name already exists")
            }
            for table: SQL in ["people", "organisations", "memberships", "sessions"] {
                let count = try await app.count("SELECT COUNT(*) AS count FROM \(table)")
                #expect(count == 1)
            }
            let audited = try await app.audited("account.created")
            #expect(audited.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a user name is compared without case, spaces and compatibility forms`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            func register(_ email: String, _ username: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(email), "password": "correct horse battery", "username": .string(username)])
            }
            #expect(await register("a@example.org", "TestUser").status == 201)
            for (number, spelling) in ["TestUser", "TESTUSER", "ｔｅｓｔｕｓｅｒ", " test user "].enumerated() {
                #expect(await register("b\(number)@example.org", spelling).code == "account-exists", "\(spelling)")
            }
            let count = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `without a sign-in a registration alone tells which user names are taken`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let named = await app.call(
                "PUT", "/v1/user/profile", json: ["username": "taken"], token: person.token)
            #expect(named.status == 200, "\(named)")
            for (path, body) in [
                ("auth/login", { ["username": .string($0), "password": "wrong password"] }),
                ("auth/login", { ["email": .string($0), "password": "wrong password"] }),
                ("auth/forgot-password", { ["email": .string($0)] }),
                ("auth/resend-verification", { ["email": .string($0)] }),
                (
                    "auth/reset-password",
                    { ["email": .string($0), "otp_code": "123456", "new_password": "a new password"] }
                ),
                ("auth/verify-email", { ["email": .string($0), "otp_code": "123456"] }),
            ] as [(String, (String) -> JSONValue)] {
                let taken = await app.call("POST", "/v1/\(path)", json: body("taken"))
                let free = await app.call("POST", "/v1/\(path)", json: body("free"))
                #expect(
                    (taken.status, taken.code, taken["detail"]) == (free.status, free.code, free["detail"]),
                    "\(path): \(taken) \(free)")
                #expect(taken.pointers == free.pointers)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `one of several concurrent registrations of an address succeeds`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        await app.call(
                            "POST", "/v1/auth/register",
                            json: ["email": "one@example.org", "password": "correct horse battery"]
                        ).status
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201] + Array(repeating: 409, count: 7))
            let count = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(count == 1)
        }
    }

    @Test func `a user name must not be the address of another account`() async throws {
        try await withTestApp(.sqlite) { app in
            let other = try await app.register("other")
            for name in [
                other.email, other.email.uppercased(), "user\u{FF20}example.org", "a\u{200B}da", "a\u{202E}da",
            ] {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: [
                        "email": "attacker@example.org", "password": "another good password", "username": .string(name),
                    ]
                )
                #expect(response.status == 422, "\(name)")
                #expect(response.pointers == ["/username"])
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people") == 1)
            #expect(await app.signIn(other).status == 200)
            // The own address is accepted.
            let own = await app.call(
                "POST", "/v1/auth/register",
                json: [
                    "email": "own@example.org", "password": "another good password", "username": "Own@example.org",
                ]
            )
            #expect(own.status == 201)
        }
    }

    @Test func `the self-assignable roles are accepted, and no others`() async throws {
        try await withTestApp(.sqlite) { app in
            for role in ["user", "student", "employee", "professional", "organizer", "venue_owner", "service_provider"]
            {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: [
                        "email": .string("\(role)@example.org"), "password": "correct horse battery",
                        "role": .string(role),
                    ]
                )
                #expect(response.status == 201)
                #expect(response["user"]?["role"] == .string(role))
            }
            for role in ["lab", "developer", "analyst", "moderator", "admin", "ADMIN", "root", ""] {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": "attacker@example.org", "password": "correct horse battery", "role": .string(role)]
                )
                #expect(response.status == 422, "\(role)")
                #expect(response.pointers == ["/role"])
            }
            let count = try await app.count("SELECT COUNT(*) AS count FROM people WHERE email = 'attacker@example.org'")
            #expect(count == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `malformed addresses are refused`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            // Compatibility normalisation expands each of these characters to a word: the result has kilobytes.
            let expanding = String(String.UnicodeScalarView((0x3300..<0x3340).compactMap(UnicodeScalar.init)))
            let domain = (0..<8).map { index in
                String(String.UnicodeScalarView((0x3300 + index..<0x3315 + index).compactMap(UnicodeScalar.init)))
            }.joined(
                separator: ".")
            let addresses = [
                "plain", "@example.org", "a@", "a@b", "a@b@example.org", "a b@example.org", "a@exa mple.org",
                "a@-example.org", "a@example.org.",
                "a\u{200B}@example.org",
                "\(String(repeating: "a", count: 65))@example.org", "a@\(String(repeating: "b", count: 64)).org",
                "\(expanding)@\(domain)",
            ]
            for address in addresses {
                let response = await app.call(
                    "POST", "/v1/auth/register", json: ["email": .string(address), "password": "correct horse battery"])
                #expect(response.status == 422, "\(address): \(response)")
                #expect(response.pointers == ["/email"])
            }
            let count = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(count == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `registration is atomic`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let failures = try await withEachStatementFailing(on: app.app.database) { database in
                try await app.withIdentity(on: database) {
                    _ = try await $0.registration.register(.fixture(), client: .fixture)
                }
            } check: { _ in
                let people = try await app.count("SELECT COUNT(*) AS count FROM people")
                #expect(try await app.count("SELECT COUNT(*) AS count FROM organisations") == people)
                #expect(try await app.count("SELECT COUNT(*) AS count FROM memberships") == people)
                #expect(try await app.audited("account.created").count == people)
                #expect(
                    try await app.audited("session.created").count
                        == app.count("SELECT COUNT(*) AS count FROM sessions"))
            }
            #expect(failures >= 6)
        }
    }
}
