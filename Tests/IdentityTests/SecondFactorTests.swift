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
    func `is set up with the password, and asked for once a code has proved it`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("somebody")
            #expect(await app.mfa("setup", person, ["password": "not the password"]).code == "wrong-password")
            #expect(await app.mfa("verify", person, ["code": "123456"]).code == "second-factor-not-active")
            let setup = await app.mfa("setup", person, ["password": .string(person.password)])
            #expect(setup.status == 200)
            let authenticator = try Authenticator(setup)
            #expect(authenticator.secret.count == TOTP.secretBytes)
            #expect(Set(authenticator.recoveryCodes).count == 10)
            #expect(
                setup["otpauth_uri"]?.string?.contains("secret=\(Base32.encode(authenticator.secret))&issuer=localhost")
                    == true)
            let picture = try #require(setup["qr_code"]?.string)
            #expect(picture.hasPrefix("data:image/png;base64,"))
            #expect(
                Data(base64Encoded: String(picture.dropFirst("data:image/png;base64,".count)))?.starts(with: [
                    0x89, 0x50, 0x4E, 0x47,
                ]) == true)

            // Not yet.
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
            let mails = try await app.mail(to: person.email).count

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
            #expect(try await app.mail(to: person.email).count == mails + 1)
            // The session that set it up stays, and so do others.
            #expect(try await app.endings(of: person) == [nil, nil])
        }
    }

    @Test(arguments: Engine.available)
    func `every way of signing in asks for it, in one step or in two`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            let sessions: SQL = "SELECT COUNT(*) AS count FROM sessions"
            let before = try await app.count(sessions)
            for path in ["/v1/auth/login", "/v1/auth/signin", "/auth/signin"] {
                let asked = await app.call(
                    "POST", path,
                    json: ["email": .string(person.email), "password": .string(person.password), "remember_me": true])
                #expect(asked.status == 200)
                #expect(asked.members == ["requires_mfa", "mfa_token", "expires_in"])
                #expect(asked["requires_mfa"] == true)
                #expect(asked.headers["set-cookie"] == nil)
                let token = try #require(asked["mfa_token"]?.string)
                // It is no credential.
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
            let answered = await app.call(
                "POST", "/v1/auth/mfa/challenge",
                json: ["mfa_token": token, "mfa_code": .string(authenticator.code(app))])
            #expect(answered.status == 200)
            #expect(answered["tokens"]?["access_token"] == answered["access_token"])
            let access = try #require(answered["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/profile", token: access).status == 200)

            app.clock.advance(by: .seconds(30))
            #expect(
                await app.form("/v1/auth/login", form + "&mfa_code=\(authenticator.code(app))")["access_token"] != nil)
            app.clock.advance(by: .seconds(30))
            let code = authenticator.code(app)
            #expect(await app.signIn(person, code: "\(code.prefix(3)) \(code.suffix(3))")["access_token"] != nil)
            // A wrong password is told as ever.
            #expect(
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "x", "mfa_code": "1"]
                ).code == "invalid-credentials"
            )
            // Without a second factor a code is not looked at.
            let other = try await app.register()
            #expect(await app.signIn(other, code: "000000")["access_token"] != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `each step is accepted once, also by two at once and on two nodes`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            // The step that it was confirmed with is used up.
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
            // One before the last accepted one is not accepted either.
            #expect(await app.signIn(person, code: authenticator.code(app, -1)).status == 401)
        }
    }

    @Test(arguments: [0, 1, 2])
    func `a clock may be off by as many steps as is set`(_ window: Int) async throws {
        try await withTestApp(.sqlite, change: { $0.authenticatorWindow = window }) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            for distance in -3...3 {
                app.clock.advance(by: .minutes(20))
                let response = await app.signIn(person, code: authenticator.code(app, Int64(distance)))
                #expect(response.status == (abs(distance) <= window ? 200 : 401), "\(distance)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a recovery code works once, and the person is told`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            let mails = try await app.mail(to: person.email).count
            let code = authenticator.recoveryCodes[3]
            let statuses = await withTaskGroup(of: Int.self) { tasks in
                for _ in 0..<4 { tasks.addTask { await app.signIn(person, code: code.lowercased()).status } }
                return await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 401, 401, 401])
            #expect(await app.call("GET", "/v1/auth/mfa/backup-codes", token: person.token)["remaining"] == 9)
            #expect(try await app.audited("second_factor.recovery_code_used").map(\.details) == [#"{"left":"9"}"#])
            #expect(try await app.mail(to: person.email).count == mails + 1)

            // New ones void the old ones, for which both secrets are needed.
            app.clock.advance(by: .minutes(2))
            let wanted: [String: JSONValue] = [
                "password": .string(person.password), "code": .string(authenticator.code(app)),
            ]
            #expect(
                await app.mfa("backup-codes", person, .object(wanted.merging(["password": "wrong"]) { $1 })).code
                    == "wrong-password")
            #expect(
                await app.mfa(
                    "backup-codes", person,
                    .object(wanted.merging(["code": .string(authenticator.wrongCode(app))]) { $1 })
                ).code
                    == "invalid-second-factor")
            let replaced = await app.mfa("backup-codes", person, .object(wanted))
            let fresh = replaced["backup_codes"]?.array?.compactMap(\.string) ?? []
            #expect(fresh.count == 10)
            #expect(Set(fresh).isDisjoint(with: authenticator.recoveryCodes))
            #expect(await app.signIn(person, code: authenticator.recoveryCodes[0]).status == 401)
            #expect(await app.signIn(person, code: fresh[0]).status == 200)
            #expect(try await app.outcomes("second_factor.codes_replaced") == ["failure", "failure", "success"])
        }
    }

    @Test(arguments: Engine.available)
    func `disabling needs password and code, and ends the other sessions`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            app.clock.advance(by: .minutes(1))
            let other = await app.signIn(person, code: authenticator.recoveryCodes[0])
            let otherToken = try #require(other["access_token"]?.string)
            let mails = try await app.mail(to: person.email).count
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
            #expect(try await app.endings(of: person).count { $0 == "second factor disabled" } == 1)
            #expect(try await app.audited("session.revoked").count == 1)
            #expect(try await app.outcomes("second_factor.disabled") == ["failure", "failure", "success"])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM recovery_codes") == 0)
            for what in ["disable", "backup-codes"] {
                #expect(
                    await app.mfa(what, person, ["password": password, "code": "123456"]).code
                        == "second-factor-not-active")
            }
            #expect(try await app.mail(to: person.email).count == mails + 1)
        }
    }

    @Test(arguments: Engine.available)
    func `codes are not found by trying, at any of the doors`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            app.clock.advance(by: .minutes(1))
            let token = try #require((await app.signIn(person))["mfa_token"])
            func answer(_ code: String, from address: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/mfa/challenge", json: ["mfa_token": token, "mfa_code": .string(code)],
                    address: address)
            }
            for _ in 0..<6 {
                #expect(
                    await answer(authenticator.wrongCode(app), from: "198.51.100.1").code == "invalid-second-factor")
            }
            #expect(await answer(authenticator.code(app), from: "198.51.100.1").code == "invalid-second-factor")
            // A right password alone forgives nothing.
            #expect(await app.guess(person, person.password, from: "198.51.100.1").code == "invalid-credentials")
            for network in 0..<4 {
                for _ in 0..<5 { _ = await answer(authenticator.wrongCode(app), from: "203.0.113.\(network)") }
            }
            #expect(await answer(authenticator.code(app), from: "203.0.113.200").status == 401)
            #expect(await answer(authenticator.code(app), from: "192.0.2.1").status == 200)

            // A stolen session does not get further, and is counted apart from its owner's doors.
            app.clock.advance(by: .minutes(5))
            let guess: JSONValue = [
                "password": .string(person.password), "code": .string(authenticator.wrongCode(app)),
            ]
            for _ in 0..<6 { #expect(await app.mfa("disable", person, guess).code == "invalid-second-factor") }
            let right: JSONValue = ["password": .string(person.password), "code": .string(authenticator.code(app))]
            #expect(await app.mfa("disable", person, right).code == "wrong-password")
            #expect(await app.signIn(person, code: authenticator.code(app)).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `the question holds five minutes, for one password, and cannot be made up`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
            app.clock.advance(by: .minutes(1))
            func ask() async throws -> String { try #require((await app.signIn(person))["mfa_token"]?.string) }
            func answer(_ token: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/mfa/challenge",
                    json: ["mfa_token": .string(token), "mfa_code": .string(authenticator.code(app))])
            }
            let late = try await ask()
            app.clock.advance(by: SecondFactorChallenge.lifetime)
            #expect(await answer(late).code == "invalid-second-factor")
            let good = try await ask()
            let foreign = try await app.personWithSecondFactor()
            let otherToken = try #require((await app.signIn(foreign.0))["mfa_token"]?.string)
            for token in [
                String(good.dropLast()), good + "A", "A", String(good.reversed()), otherToken, person.token,
                person.refreshToken,
            ] {
                #expect(await answer(token).code == "invalid-second-factor", "\(token)")
            }
            #expect(await answer(good).status == 200)
            app.clock.advance(by: .minutes(1))
            let before = try await ask()
            try await app.app.database.write {
                try $0.execute("UPDATE people SET password_hash = 'another' WHERE id = \(person.id)")
            }
            #expect(await answer(before).code == "invalid-second-factor")
        }
    }

    @Test(arguments: Engine.available)
    func `strict lockout tells the right answer how long it lasts`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.lockout = .strict }) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
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
    func `nothing that opens a door is kept readable`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.personWithSecondFactor()
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
            let kept = rows.map { "\($0)" }.joined() + app.log.lines.joined()
            let secrets = authenticator.recoveryCodes + authenticator.recoveryCodes.map { $0.replacing("-", with: "") }
            for secret in secrets + [Base32.encode(authenticator.secret), Hex.encode(authenticator.secret), token] {
                #expect(!kept.contains(secret))
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

    /// How the tries of one action ended, in no order: the clock stands still.
    fileprivate func outcomes(_ action: String) async throws -> [String] {
        try await audited(action).map(\.outcome).sorted()
    }

    fileprivate func form(_ path: String, _ text: String) async -> TestResponse {
        await call("POST", path, body: ("application/x-www-form-urlencoded", Array(text.utf8)))
    }
}
