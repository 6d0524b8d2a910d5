import App
import Base
import Foundation
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct SecondFactorTests {
    @Test(arguments: Engine.available)
    func `setup requires the password, and the factor is required once a code has confirmed it`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register("user")
            #expect(await app.mfa("setup", person, ["password": "not the password"]).code == "wrong-password")
            #expect(await app.mfa("verify", person, ["code": "123456"]).code == "second-factor-not-active")
            let setup = await app.mfa("setup", person, ["password": .string(person.password)])
            #expect(setup.status == 200)
            let authenticator = try AuthenticatorFixture(setup)
            #expect(authenticator.secret.count == TOTP.secretBytes)
            #expect(Set(authenticator.recoveryCodes).count == 10)
            #expect(
                setup["otpauth_uri"]?.string?.contains("secret=\(Base32.encode(authenticator.secret))&issuer=localhost")
                    == true)
            let image = try #require(setup["qr_code"]?.string)
            #expect(image.hasPrefix("data:image/png;base64,"))
            #expect(
                Data(base64Encoded: String(image.dropFirst("data:image/png;base64,".count)))?.starts(with: [
                    0x89, 0x50, 0x4E, 0x47,
                ]) == true)

            // The factor is not active yet.
            #expect(await app.signIn(person)["access_token"] != nil)
            #expect(
                await app.call("GET", "/v1/auth/mfa", token: person.token).json == [
                    "enabled": false, "pending": true, "backup_codes_remaining": 0,
                ])
            #expect(
                await app.mfa("verify", person, ["code": .string(authenticator.wrongCode(app))]).code
                    == "invalid-second-factor")
            #expect(
                await app.mfa("verify", person, ["code": .string(authenticator.recoveryCodes[0])]).code
                    == "invalid-second-factor")
            #expect(try await app.outcomes("second_factor.enabled") == ["failure", "failure"])
            let emails = try await app.mail(to: person.email).count

            let verified = await app.mfa("verify", person, ["code": .string(authenticator.code(app))])
            #expect(verified.status == 200)
            #expect(verified["enabled"] == true)
            #expect(verified["backup_codes_remaining"] == 10)
            #expect(await app.call("GET", "/v1/auth/mfa/backup-codes", token: person.token).json == ["remaining": 10])
            #expect(await app.signIn(person)["requires_mfa"] == true)
            #expect(
                await app.mfa("setup", person, ["password": .string(person.password)]).code == "second-factor-active")
            #expect(
                await app.mfa("verify", person, ["code": .string(authenticator.code(app, 1))]).code
                    == "second-factor-active")
            #expect(try await app.outcomes("second_factor.enabled") == ["failure", "failure", "success"])
            #expect(try await app.outcomes("second_factor.set_up") == ["failure", "success"])
            #expect(try await app.mail(to: person.email).count == emails + 1)
            // Activation ends no session.
            #expect(try await app.revocationReasons(of: person) == [nil, nil])
        }
    }

    @Test(arguments: Engine.available)
    func `every login endpoint requires the factor, in one request or in two`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            let sessions: SQL = "SELECT COUNT(*) AS count FROM sessions"
            let before = try await app.count(sessions)
            for path in ["/v1/auth/login", "/v1/auth/signin", "/auth/signin"] {
                let challenged = await app.call(
                    "POST", path,
                    json: ["email": .string(person.email), "password": .string(person.password), "remember_me": true])
                #expect(challenged.status == 200)
                #expect(challenged.members == ["requires_mfa", "mfa_token", "expires_in"])
                #expect(challenged["requires_mfa"] == true)
                #expect(challenged.headers["set-cookie"] == nil)
                let token = try #require(challenged["mfa_token"]?.string)
                // The MFA token is not an access or refresh token.
                #expect(await app.call("GET", "/v1/auth/profile", token: token).status == 401)
                #expect(await app.refresh(token).status == 401)
            }
            let name = person.email.replacing("@", with: "%40")
            let form = "grant_type=password&username=\(name)&password=\(person.password.replacing(" ", with: "+"))"
            #expect(await app.form("/v1/auth/login", form)["requires_mfa"] == true)
            #expect(try await app.count(sessions) == before)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sign_in_failures") == 0)

            app.clock.advance(by: .seconds(30))
            let token = try #require((await app.signIn(person))["mfa_token"])
            let signedIn = await app.call(
                "POST", "/v1/auth/mfa/challenge",
                json: ["mfa_token": token, "mfa_code": .string(authenticator.code(app))])
            #expect(signedIn.status == 200)
            #expect(signedIn["tokens"]?["access_token"] == signedIn["access_token"])
            let access = try #require(signedIn["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/profile", token: access).status == 200)

            app.clock.advance(by: .seconds(30))
            #expect(
                await app.form("/v1/auth/login", form + "&mfa_code=\(authenticator.code(app))")["access_token"] != nil)
            app.clock.advance(by: .seconds(30))
            let code = authenticator.code(app)
            #expect(await app.signIn(person, code: "\(code.prefix(3)) \(code.suffix(3))")["access_token"] != nil)
            // The list of sessions tells which began with a code.
            let devices = await app.call("GET", "/v1/auth/sessions", token: access)["data"]?.array ?? []
            let methods = devices.compactMap { $0["signed_in_by"]?.string }.sorted()
            #expect(methods == ["password", "second_factor", "second_factor", "second_factor"], "\(devices)")
            #expect(try await app.audited("session.created", "success").count == 4)
            // A wrong password gets the usual response.
            #expect(
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "x", "mfa_code": "1"]
                ).code == "invalid-credentials"
            )
            // Without a second factor the code is ignored.
            let other = try await app.register()
            #expect(await app.signIn(other, code: "000000")["access_token"] != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `each time step is accepted once, also for concurrent requests to two nodes`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            // The step of the confirmation is used.
            #expect(await app.signIn(person, code: authenticator.code(app)).code == "invalid-second-factor")
            app.clock.advance(by: .seconds(60))
            try await app.withSecondProcess { second in
                let code = authenticator.code(app)
                let statuses = await withTaskGroup(of: Int.self) { tasks in
                    for node in [app, second, app, second] {
                        tasks.addTask { await node.signIn(person, code: code).status }
                    }
                    return await tasks.reduce(into: [Int]()) { $0.append($1) }
                }
                #expect(statuses.sorted() == [200, 401, 401, 401])
                #expect(await second.signIn(person, code: code).status == 401)
            }
            // A step before the last accepted one is refused.
            #expect(await app.signIn(person, code: authenticator.code(app, -1)).status == 401)
        }
    }

    @Test(arguments: [0, 1, 2])
    func `codes are accepted within TOTP_WINDOW steps`(_ window: Int) async throws {
        try await withTestApp(.sqlite, change: { $0.authenticatorWindow = window }) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            for distance in -3...3 {
                app.clock.advance(by: .minutes(20))
                let response = await app.signIn(person, code: authenticator.code(app, Int64(distance)))
                #expect(response.status == (abs(distance) <= window ? 200 : 401), "\(distance)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a recovery code is accepted once and reported by e-mail`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            let emails = try await app.mail(to: person.email).count
            let code = authenticator.recoveryCodes[3]
            let statuses = await withTaskGroup(of: Int.self) { tasks in
                for _ in 0..<4 { tasks.addTask { await app.signIn(person, code: code.lowercased()).status } }
                return await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 401, 401, 401])
            #expect(await app.call("GET", "/v1/auth/mfa/backup-codes", token: person.token)["remaining"] == 9)
            #expect(try await app.audited("second_factor.recovery_code_used").map(\.details) == [#"{"left":"9"}"#])
            #expect(try await app.mail(to: person.email).count == emails + 1)

            // New codes replace the old ones, which requires password and code.
            app.clock.advance(by: .minutes(2))
            let credentials: [String: JSONValue] = [
                "password": .string(person.password), "code": .string(authenticator.code(app)),
            ]
            #expect(
                await app.mfa("backup-codes", person, .object(credentials.merging(["password": "wrong"]) { $1 })).code
                    == "wrong-password")
            #expect(
                await app.mfa(
                    "backup-codes", person,
                    .object(credentials.merging(["code": .string(authenticator.wrongCode(app))]) { $1 })
                ).code
                    == "invalid-second-factor")
            let replaced = await app.mfa("backup-codes", person, .object(credentials))
            let fresh = replaced["backup_codes"]?.array?.compactMap(\.string) ?? []
            #expect(fresh.count == 10)
            #expect(Set(fresh).isDisjoint(with: authenticator.recoveryCodes))
            #expect(await app.signIn(person, code: authenticator.recoveryCodes[0]).status == 401)
            #expect(await app.signIn(person, code: fresh[0]).status == 200)
            #expect(try await app.outcomes("second_factor.codes_replaced") == ["failure", "failure", "success"])
        }
    }

    @Test(arguments: Engine.available)
    func `disabling requires password and code, and ends the other sessions`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            let other = await app.signIn(person, code: authenticator.recoveryCodes[0])
            let otherToken = try #require(other["access_token"]?.string)
            let emails = try await app.mail(to: person.email).count
            let password = JSONValue.string(person.password)
            #expect(await app.mfa("disable", person, ["password": password]).status == 422)
            #expect(
                await app.mfa("disable", person, ["password": "wrong", "code": .string(authenticator.code(app))]).code
                    == "wrong-password")
            #expect(
                await app.mfa("disable", person, ["password": password, "code": .string(authenticator.wrongCode(app))])
                    .code == "invalid-second-factor")
            #expect(await app.signIn(person)["requires_mfa"] == true)

            let disabled = await app.mfa(
                "disable", person, ["password": password, "code": .string(authenticator.code(app))])
            #expect(disabled.json == ["enabled": false, "pending": false, "backup_codes_remaining": 0])
            #expect(await app.signIn(person)["access_token"] != nil)
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            #expect(await app.call("GET", "/v1/auth/profile", token: otherToken).code == "token-expired")
            #expect(try await app.revocationReasons(of: person).count { $0 == "second factor disabled" } == 1)
            #expect(try await app.audited("session.revoked").count == 1)
            #expect(try await app.outcomes("second_factor.disabled") == ["failure", "failure", "success"])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM recovery_codes") == 0)
            for endpoint in ["disable", "backup-codes"] {
                #expect(
                    await app.mfa(endpoint, person, ["password": password, "code": "123456"]).code
                        == "second-factor-not-active")
            }
            #expect(try await app.mail(to: person.email).count == emails + 1)
        }
    }

    @Test(arguments: Engine.available)
    func `code attempts are throttled on every endpoint`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            let token = try #require((await app.signIn(person))["mfa_token"])
            func respond(_ code: String, from address: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/mfa/challenge", json: ["mfa_token": token, "mfa_code": .string(code)],
                    address: address)
            }
            for _ in 0..<6 {
                #expect(
                    await respond(authenticator.wrongCode(app), from: "198.51.100.1").code == "invalid-second-factor")
            }
            #expect(await respond(authenticator.code(app), from: "198.51.100.1").code == "invalid-second-factor")
            // The correct password alone does not reset the failures.
            #expect(await app.attemptLogin(person, person.password, from: "198.51.100.1").code == "invalid-credentials")
            for network in 0..<4 {
                for _ in 0..<5 { _ = await respond(authenticator.wrongCode(app), from: "203.0.113.\(network)") }
            }
            #expect(await respond(authenticator.code(app), from: "203.0.113.200").status == 401)
            #expect(await respond(authenticator.code(app), from: "192.0.2.1").status == 200)

            // Attempts with a session are throttled too, with a counter of their own.
            app.clock.advance(by: .minutes(5))
            let wrong: JSONValue = [
                "password": .string(person.password), "code": .string(authenticator.wrongCode(app)),
            ]
            for _ in 0..<6 { #expect(await app.mfa("disable", person, wrong).code == "invalid-second-factor") }
            let right: JSONValue = ["password": .string(person.password), "code": .string(authenticator.code(app))]
            #expect(await app.mfa("disable", person, right).code == "wrong-password")
            #expect(await app.signIn(person, code: authenticator.code(app)).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `the MFA token is valid for five minutes and one password hash, and cannot be forged`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            func mfaToken() async throws -> String { try #require((await app.signIn(person))["mfa_token"]?.string) }
            func respond(_ token: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/mfa/challenge",
                    json: ["mfa_token": .string(token), "mfa_code": .string(authenticator.code(app))])
            }
            let late = try await mfaToken()
            app.clock.advance(by: SecondFactorChallenge.lifetime)
            #expect(await respond(late).code == "invalid-second-factor")
            let valid = try await mfaToken()
            let other = try await app.registerWithMFA()
            let otherToken = try #require((await app.signIn(other.0))["mfa_token"]?.string)
            for token in [
                String(valid.dropLast()), valid + "A", "A", String(valid.reversed()), otherToken, person.token,
                person.refreshToken,
            ] {
                #expect(await respond(token).code == "invalid-second-factor", "\(token)")
            }
            #expect(await respond(valid).status == 200)
            app.clock.advance(by: .minutes(1))
            let before = try await mfaToken()
            try await app.app.database.write {
                try $0.execute("UPDATE people SET password_hash = 'other' WHERE id = \(person.id)")
            }
            #expect(await respond(before).code == "invalid-second-factor")
        }
    }

    @Test(arguments: Engine.available)
    func `strict lockout reports its duration only for correct credentials`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.lockout = .strict }) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            for _ in 0..<5 {
                #expect(await app.signIn(person, code: authenticator.wrongCode(app)).code == "invalid-second-factor")
            }
            #expect(await app.signIn(person, code: authenticator.code(app)).code == "account-locked")
            let right: JSONValue = ["password": .string(person.password), "code": .string(authenticator.code(app))]
            #expect(await app.mfa("disable", person, right)["retry_after"] == 1_800)
            #expect(await app.mfa("disable", person, ["password": "wrong", "code": "1"]).code == "wrong-password")
        }
    }

    @Test(arguments: Engine.available)
    func `codes, secrets and tokens are stored hashed or encrypted only`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            let token = try #require((await app.signIn(person))["mfa_token"]?.string)
            app.clock.advance(by: .minutes(1))
            let code = authenticator.code(app)
            _ = await app.signIn(person, code: code)
            _ = await app.signIn(person, code: authenticator.recoveryCodes[1])
            let rows = try await app.app.database.read { transaction in
                try transaction.all("SELECT sealed_secret FROM second_factors")
                    + transaction.all("SELECT code_hash FROM recovery_codes")
                    + transaction.all("SELECT bucket FROM sign_in_failures")
                    + transaction.all("SELECT mark FROM known_devices")
                    + transaction.all("SELECT details FROM audit_events") + transaction.all("SELECT payload FROM jobs")
            }
            let stored = rows.map { "\($0)" }.joined() + app.log.lines.joined()
            let secrets = authenticator.recoveryCodes + authenticator.recoveryCodes.map { $0.replacing("-", with: "") }
            for secret in secrets + [Base32.encode(authenticator.secret), Hex.encode(authenticator.secret), token] {
                #expect(!stored.contains(secret))
            }
        }
    }
}

extension TestApp {
    fileprivate func signIn(_ person: TestPerson, code: String) async -> TestResponse {
        await call(
            "POST", "/v1/auth/login",
            json: ["email": .string(person.email), "password": .string(person.password), "mfa_code": .string(code)]
        )
    }

    /// The outcomes of an action, sorted: the rows have the same time.
    fileprivate func outcomes(_ action: String) async throws -> [String] {
        try await audited(action).map(\.outcome).sorted()
    }

    fileprivate func form(_ path: String, _ text: String) async -> TestResponse {
        await call("POST", path, body: ("application/x-www-form-urlencoded", Array(text.utf8)))
    }
}
