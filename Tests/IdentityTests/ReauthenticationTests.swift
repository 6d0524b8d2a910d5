import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// What a stolen access token does not permit: the password or a code is required, or a sign-in of the last five
/// minutes.
@Suite struct ReauthenticationTests {
    private static let keys: SQL = "SELECT COUNT(*) AS count FROM api_keys"
    private static let liveKeys: SQL = "SELECT COUNT(*) AS count FROM api_keys WHERE revoked_at IS NULL"
    private static let new = "another good password"

    private func isValid(_ app: TestApp, _ key: String) async -> Bool {
        await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200
    }

    @Test(arguments: Engine.available)
    func `a key needs the password once the sign-in is five minutes old, and is reported by e-mail`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let emails = try await app.mail(to: person.email).count
            app.clock.advance(by: Confirmation.recency - .microseconds(1))
            #expect(await app.makeKey(person, ["training"]).status == 201)
            let mail = try #require(try await app.mail(to: person.email).last)
            #expect(try await app.mail(to: person.email).count == emails + 1)
            #expect(mail.subject == "An API key was created" && mail.text.contains("for a test"))

            app.clock.advance(by: .microseconds(1))
            let refused = await app.makeKey(person, ["training"])
            #expect(refused.status == 403 && refused.code == "reauthentication-required")
            #expect(refused["error"] == "Sign in again, or send the password or code.")
            // A code is no proof for an account without a second factor.
            #expect(
                await app.makeKey(person, ["training"], ["mfa_code": "123456"]).code == "reauthentication-required")
            let wrong = await app.makeKey(person, ["training"], ["password": "not this one"])
            #expect(wrong.status == 401 && wrong.code == "wrong-password")
            #expect(try await app.audited("api-key.created").map(\.outcome).sorted() == ["failure", "success"])
            #expect(try await app.count(Self.keys) == 1)
            #expect(try await app.mail(to: person.email).count == emails + 1)

            let right = await app.makeKey(person, ["training"], ["password": .string(person.password)])
            #expect(right.status == 201, "\(right)")
            #expect(try await app.mail(to: person.email).count == emails + 2)
            // A refreshed token is not a new sign-in; a new sign-in is.
            let refreshed = await app.refresh(person.refreshToken)
            let body: JSONValue = ["name": "for a test", "scopes": ["training"]]
            func create(_ response: TestResponse) async -> TestResponse {
                await app.call("POST", "/v1/auth/api-keys", json: body, token: response["access_token"]?.string)
            }
            #expect(await create(refreshed).code == "reauthentication-required")
            #expect(await create(await app.signIn(person)).status == 201)
            #expect(try await app.count(Self.keys) == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `with a second factor a code is sufficient for a key, once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: Confirmation.recency)
            #expect(await app.makeKey(person, ["training"]).code == "reauthentication-required")
            let code = JSONValue.string(authenticator.code(app))
            #expect(await app.makeKey(person, ["training"], ["mfa_code": code]).status == 201)
            #expect(await app.makeKey(person, ["training"], ["mfa_code": code]).code == "invalid-second-factor")
            let wrong = JSONValue.string(authenticator.wrongCode(app))
            #expect(
                await app.makeKey(person, ["training"], ["password": .string(person.password), "mfa_code": wrong]).code
                    == "invalid-second-factor")
            #expect(await app.makeKey(person, ["training"], ["password": .string(person.password)]).status == 201)
            #expect(try await app.count(Self.keys) == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `the right password does not reset the count of wrong codes, nor a right code that of wrong passwords`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            let password = JSONValue.string(person.password)
            func change(_ password: JSONValue, _ code: String) async -> String? {
                await app.call(
                    "POST", "/v1/auth/change-email",
                    json: ["new_email": "new@example.org", "password": password, "mfa_code": .string(code)],
                    token: person.token
                ).code
            }
            app.clock.advance(by: .minutes(1))
            for turn in 0..<6 {
                #expect(await change(password, authenticator.wrongCode(app)) == "invalid-second-factor")
                if turn < 5 { #expect(await app.makeKey(person, ["training"], ["password": password]).status == 201) }
            }
            #expect(await change(password, authenticator.code(app)) == "wrong-password")

            // After the delay one more failure is counted, which doubles it.
            app.clock.advance(by: .minutes(1))
            #expect(await change("not this one", authenticator.code(app)) == "wrong-password")
            app.clock.advance(by: .minutes(1))
            let code = JSONValue.string(authenticator.code(app))
            #expect(await app.makeKey(person, ["training"], ["mfa_code": code]).status == 201)
            #expect(await change("not this one", "000000") == "wrong-password")
            app.clock.advance(by: .seconds(59))
            #expect(await change(password, authenticator.code(app)) == "wrong-password")
            // Both together end the count.
            app.clock.advance(by: .minutes(1))
            #expect(await change(password, authenticator.code(app)) == nil)
            app.clock.advance(by: .minutes(1))
            #expect(await change("not this one", authenticator.code(app)) == "wrong-password")
            #expect(await change(password, authenticator.code(app)) == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `wrong passwords for a key are throttled`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0..<6 {
                #expect(await app.makeKey(person, ["training"], ["password": "not this one"]).code == "wrong-password")
            }
            let right = await app.makeKey(person, ["training"], ["password": .string(person.password)])
            #expect(right.code == "wrong-password")
            #expect(try await app.count(Self.keys) == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `resetting and rotating a key and closing the account need a sign-in of the last five minutes`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let created = await app.makeKey(person, ["identity.read"])
            let (key, id) = (try #require(created["api_key"]?.string), try #require(created["id"]?.string))
            app.clock.advance(by: Confirmation.recency)
            let calls = [
                ("POST", "/v1/user/profile/reset-api-key"), ("POST", "/v1/auth/api-keys/\(id)/rotation"),
                ("DELETE", "/v1/user/profile?confirm=true"),
            ]
            for (method, path) in calls {
                let refused = await app.call(method, path, token: person.token)
                #expect(refused.status == 403 && refused.code == "reauthentication-required", "\(path): \(refused)")
            }
            #expect(await isValid(app, key))
            #expect(try await app.count(Self.keys) == 1)
            #expect(try await app.audited("account.closed").isEmpty)
            #expect(try await app.revocationReasons(of: person) == [nil])

            let token = try #require(await app.signIn(person)["access_token"]?.string)
            for (method, path) in calls {
                #expect([200, 201].contains(await app.call(method, path, token: token).status), "\(path)")
            }
            #expect(try await app.count(Self.keys) == 3)
            #expect(try await app.audited("account.closed").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a reset, a forced one and that of the command line revoke every key; a change does where it is asked to`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), other = try await app.register("other")
            let kept = try #require(await app.makeKey(other, ["identity.read"])["api_key"]?.string)
            func change(_ app: TestApp, _ person: TestPerson, _ more: [String: JSONValue]) async -> TestResponse {
                let body: [String: JSONValue] = [
                    "current_password": .string(person.password), "new_password": .string(Self.new),
                ]
                return await app.call(
                    "POST", "/v1/auth/change-password", json: .object(body.merging(more) { $1 }), token: person.token)
            }
            for way in ["change", "revoking change", "reset", "forced", "command"] {
                let person = try await app.register()
                let first = try #require(await app.makeKey(person, ["identity.read"])["api_key"]?.string)
                let second = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
                #expect(await isValid(app, first))
                let response: TestResponse? =
                    switch way {
                    case "change": await change(app, person, [:])
                    case "revoking change": await change(app, person, ["revoke_api_keys": true])
                    case "reset":
                        await app.call(
                            "POST", "/v1/auth/reset-password",
                            json: [
                                "token": .string(try await app.resetChallenge(person).token),
                                "new_password": .string(Self.new),
                            ])
                    case "forced":
                        await app.call(
                            "PATCH", "/v1/auth/users/\(person.id)", json: ["force_password_reset": true],
                            token: administrator.token)
                    default: nil
                    }
                if way == "command" {
                    try await app.app.identity.users.resetPassword(named: person.email, to: Self.new)
                }
                if let response { #expect(response.status == 200, "\(way): \(response)") }
                let isKept = way == "change"
                if way != "forced", let response {
                    #expect(response["api_keys_revoked"] == (isKept ? 0 : 2), "\(way)")
                }
                #expect(await isValid(app, first) == isKept, "\(way)")
                #expect(await isValid(app, second) == isKept, "\(way)")
                let live = try await app.count(
                    "SELECT COUNT(*) AS count FROM api_keys WHERE person_id = \(person.id) AND revoked_at IS NULL")
                #expect(live == (isKept ? 2 : 0), "\(way)")
            }
            #expect(await isValid(app, kept))
            #expect(try await app.audited("api-key.revoked").count == 8)
            #expect(try await app.count(Self.liveKeys) == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `with a second factor the password alone changes nothing`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            let emails = try await app.mail(to: person.email).count
            let password = JSONValue.string(person.password)
            let calls: [(path: String, body: [String: JSONValue], action: String)] = [
                (
                    "auth/change-email", ["new_email": "new@example.org", "password": password],
                    "email.change-requested"
                ),
                (
                    "auth/change-password",
                    ["current_password": password, "new_password": .string(Self.new)], "password.changed"
                ),
                ("user/erasure", ["password": password], "erasure.requested"),
            ]
            for (path, body, action) in calls {
                func send(_ more: [String: JSONValue]) async -> TestResponse {
                    await app.call(
                        "POST", "/v1/\(path)", json: .object(body.merging(more) { $1 }), token: person.token)
                }
                let missing = await send([:])
                #expect(missing.status == 403 && missing.code == "reauthentication-required", "\(path): \(missing)")
                #expect(try await app.audited(action).isEmpty, "\(path)")
                let wrong = await send(["mfa_code": .string(authenticator.wrongCode(app))])
                #expect(wrong.status == 401 && wrong.code == "invalid-second-factor", "\(path): \(wrong)")
                #expect(try await app.audited(action).map(\.outcome) == ["failure"], "\(path)")
            }
            #expect(try await app.mail(to: person.email).count == emails)
            #expect(await app.signIn(person)["requires_mfa"] == true)
            #expect(await app.call("GET", "/v1/user/erasure", token: person.token)["scheduled"] == false)

            for (path, body, action) in calls.reversed() {
                app.clock.advance(by: .seconds(60))
                let given = body.merging(["mfa_code": .string(authenticator.code(app))]) { $1 }
                let response = await app.call("POST", "/v1/\(path)", json: .object(given), token: person.token)
                // The password of the last one is the changed one by then.
                if path == "auth/change-email" {
                    #expect(response.code == "wrong-password", "\(response)")
                } else {
                    #expect([200, 202].contains(response.status), "\(path): \(response)")
                    #expect(try await app.audited(action, "success").count == 1)
                }
            }
            app.clock.advance(by: .seconds(60))
            let changed = await app.call(
                "POST", "/v1/auth/change-email",
                json: [
                    "new_email": "new@example.org", "password": .string(Self.new),
                    "mfa_code": .string(authenticator.code(app)),
                ], token: person.token)
            #expect(changed.status == 200, "\(changed)")
        }
    }

    @Test(arguments: Engine.available)
    func `while attempts are refused, the right password without a code is refused as a wrong one`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, _) = try await app.registerWithMFA()
            func request(_ password: String) async -> TestResponse {
                await app.call("POST", "/v1/user/erasure", json: ["password": .string(password)], token: person.token)
            }
            for _ in 0..<6 { #expect(await request("not this one").code == "wrong-password") }
            #expect(await request(person.password).code == "wrong-password")
            app.clock.advance(by: .minutes(1))
            #expect(await request(person.password).code == "reauthentication-required")
        }
    }
}
