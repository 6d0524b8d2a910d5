import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct PasswordChangeTests {
    private static let new = "another good password"

    private func change(_ app: TestApp, _ person: TestPerson, _ change: [String: JSONValue]) async -> TestResponse {
        await app.call("POST", "/v1/auth/change-password", json: .object(change), token: person.token)
    }

    private func reset(_ app: TestApp, _ challenge: [String: JSONValue], to password: String = new) async
        -> TestResponse
    {
        var body = challenge
        body["new_password"] = .string(password)
        return await app.call("POST", "/v1/auth/reset-password", json: .object(body))
    }

    @Test(arguments: Engine.available)
    func `a change requires the current password and ends the other sessions`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = await app.signIn(person)
            let reset = try await app.resetChallenge(person)
            let emails = try await app.mail(to: person.email).count

            let response = await change(
                app, person, ["current_password": .string(person.password), "new_password": .string(Self.new)])
            #expect(response.status == 200)
            #expect(
                response.json == [
                    "success": true, "message": "The password is changed", "sessions_ended": 1, "api_keys_revoked": 0,
                ])
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).status == 200)
            #expect(await app.call("GET", "/v1/auth/me", token: other["access_token"]?.string).code == "token-expired")
            #expect(await app.refresh(try #require(other["refresh_token"]?.string)).code == "invalid-refresh-token")
            #expect(await app.refresh(person.refreshToken).status == 200)
            #expect(try await app.revocationReasons(of: person).compactMap(\.self) == ["password changed"])
            #expect(await app.signIn(person).code == "invalid-credentials")
            #expect(await app.signIn(person.email, Self.new).status == 200)
            #expect(try await app.mail(to: person.email).count == emails + 1)
            #expect(try await app.audited("password.changed").map(\.outcome) == ["success"])
            // An earlier reset link is invalid.
            #expect(
                await self.reset(app, ["token": .string(reset.token)], to: "a third good password").code == "proof-used"
            )
        }
    }

    @Test(arguments: Engine.available)
    func `sign_out_others false keeps the other sessions`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = await app.signIn(person)
            let response = await change(
                app, person,
                ["old_password": .string(person.password), "new_password": .string(Self.new), "sign_out_others": false])
            #expect(response["sessions_ended"] == 0)
            #expect(await app.call("GET", "/v1/auth/me", token: other["access_token"]?.string).status == 200)
            #expect(await app.signIn(person.email, Self.new).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a wrong password, a weak one and an unchanged one are refused`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("test.user")
            let other = await app.signIn(person)
            let wrong = await change(
                app, person, ["current_password": "not this one", "new_password": .string(Self.new)])
            #expect(wrong.status == 401)
            #expect(wrong.code == "wrong-password")
            #expect(try await app.audited("password.changed").map(\.outcome) == ["failure"])
            #expect(try await app.audited("password.changed").map(\.actor) == [person.id.text])
            for weak in [
                "short", "password123", person.email, person.password, String(repeating: "x7", count: 36) + "z",
            ] {
                let response = await change(
                    app, person, ["current_password": .string(person.password), "new_password": .string(weak)])
                #expect(response.status == 422)
                #expect(response.pointers == ["/new_password"])
            }
            #expect(await change(app, person, ["new_password": .string(Self.new)]).pointers == ["/current_password"])
            #expect(await app.signIn(person).status == 200)
            #expect(await app.call("GET", "/v1/auth/me", token: other["access_token"]?.string).status == 200)
            #expect(try await app.revocationReasons(of: person).allSatisfy { $0 == nil })
            #expect(try await app.mail(to: person.email).count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `one of several concurrent changes succeeds`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let statuses = await withTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<4 {
                    group.addTask {
                        let body: [String: JSONValue] = [
                            "current_password": .string(person.password),
                            "new_password": .string("a good password \(number)"), "sign_out_others": false,
                        ]
                        return (number, await change(app, person, body).status)
                    }
                }
                return await group.reduce(into: [(Int, Int)]()) { $0.append($1) }
            }
            let winners = statuses.filter { $0.1 == 200 }
            #expect(winners.count == 1)
            #expect(statuses.allSatisfy { [200, 401, 409].contains($0.1) })
            #expect(await app.signIn(person.email, "a good password \(winners[0].0)").status == 200)
            #expect(try await app.audited("password.changed", "success").count == 1)
        }
    }

    @Test(arguments: Engine.available, ["link", "code"])
    func `a reset by the link or the code sets the password and ends every session`(_ engine: Engine, _ method: String)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let mailed = try await app.resetChallenge(person)
            let challenge: [String: JSONValue] =
                method == "link"
                ? ["token": .string(mailed.token)] : ["email": .string(person.email), "otp_code": .string(mailed.code)]
            let emails = try await app.mail(to: person.email).count
            let response = await reset(app, challenge)
            #expect(response.status == 200)
            #expect(response["sessions_ended"] == 1)
            #expect(response["access_token"] == nil)
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).code == "token-expired")
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(try await app.revocationReasons(of: person) == ["password reset"])
            #expect(await app.signIn(person).code == "invalid-credentials")
            #expect(await app.signIn(person.email, Self.new).status == 200)
            // A reset also verifies the e-mail address.
            #expect(try await app.isVerified(person))
            #expect(try await app.audited("email.verified", "success").count == 1)
            #expect(try await app.mail(to: person.email).count == emails + 1)
            #expect(try await app.audited("password.reset").map(\.actor) == [person.id.text])

            #expect(await reset(app, challenge, to: "a third good password").code == "proof-used")
            #expect(await app.signIn(person.email, Self.new).status == 200)
            #expect(
                await app.verify(token: try await app.verificationChallenge(person).token)["already_verified"] == true)
        }
    }

    @Test(arguments: Engine.available)
    func `a reset link is valid for an hour, also after a refused password`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("test.user")
            let mailed = try await app.resetChallenge(person)
            for weak in ["short", "password123", person.email, String(repeating: "x7", count: 36) + "z"] {
                let response = await reset(app, ["token": .string(mailed.token)], to: weak)
                #expect(response.status == 422)
                #expect(response.pointers == ["/new_password"])
            }
            app.clock.advance(by: .hours(1) - .microseconds(1))
            #expect(await reset(app, ["token": .string(mailed.token)]).status == 200)

            let late = try await app.resetChallenge(person)
            app.clock.advance(by: .hours(1))
            let response = await reset(app, ["token": .string(late.token)], to: "a third good password")
            #expect(response.status == 400)
            #expect(response.code == "invalid-proof")
            #expect(await app.signIn(person.email, Self.new).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a code allows five attempts, and unknown tokens and accounts get the same response`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let mailed = try await app.resetChallenge(person)
            for _ in 0..<Challenge.triesPerCode {
                #expect(
                    await reset(app, ["email": .string(person.email), "otp_code": .string(wrong(mailed.code))]).code
                        == "invalid-proof")
            }
            let right = await reset(app, ["email": .string(person.email), "otp_code": .string(mailed.code)])
            let unknown = await reset(app, ["email": "unknown@example.org", "otp_code": .string(mailed.code)])
            #expect(right.code == "invalid-proof")
            #expect((right["error"], right["detail"]) == (unknown["error"], unknown["detail"]))
            #expect(await reset(app, ["token": "never-sent"]).code == "invalid-proof")
            #expect(
                try await app.audited("password.reset").map(\.outcome)
                    == Array(repeating: "failure", count: Challenge.triesPerCode + 3))
            #expect(await app.signIn(person).status == 200)
            #expect(await reset(app, ["token": .string(mailed.token)]).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a suspended account gets no reset e-mail, and earlier challenges are refused`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let mailed = try await app.resetChallenge(person)
            try await app.app.identity.accounts.suspend(person.id)
            #expect(await reset(app, ["token": .string(mailed.token)]).code == "invalid-proof")
            #expect(
                await reset(app, ["email": .string(person.email), "otp_code": .string(mailed.code)]).code
                    == "invalid-proof")
            #expect(await app.verify(token: try await app.verificationChallenge(person).token).code == "invalid-proof")
            app.clock.advance(by: .minutes(2))
            await #expect(throws: UnexpectedEmailCount.self) { try await app.resetChallenge(person) }
            try await app.app.identity.accounts.restore(person.id)
            #expect(await app.signIn(person).status == 200)
            #expect(try await app.audited("account.restored").map(\.subject) == [person.id.text])
            await #expect(throws: Problem.self) { try await app.app.identity.accounts.restore(person.id) }
        }
    }
}
