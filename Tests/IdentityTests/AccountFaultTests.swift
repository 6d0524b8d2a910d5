import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Every account operation with its first statement failing, then its second, and so on: its effects are atomic.
@Suite struct AccountFaultTests {
    private func isChallengeUsed(_ app: TestApp, _ person: TestPerson, _ purpose: String) async throws -> Bool {
        try await app.count(
            """
            SELECT COUNT(*) AS count FROM challenges
            WHERE person_id = \(person.id) AND purpose = \(purpose) AND ended_at IS NOT NULL
            """
        ) == 1
    }

    @Test(arguments: Engine.available)
    func `verifying an e-mail address is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register(isVerified: false)
            let token = try await app.verificationChallenge(person).token
            var status = 0
            let count = try await outage.failEachStatement { _ in
                status = await app.verify(token: token).status
            } check: { _ in
                let isDone = status == 200
                let isVerified = try await app.isVerified(person)
                #expect(isVerified == isDone)
                let isUsed = try await isChallengeUsed(app, person, "verify-email")
                #expect(isUsed == isDone)
                let audited = try await app.audited("email.verified").count
                #expect(audited == (isDone ? 1 : 0))
            }
            #expect(count >= 6)
            #expect(status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a wrong code is counted if and only if it is refused`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register(isVerified: false)
            let code = try await app.verificationChallenge(person).code
            var status = 0
            let count = try await outage.failEachStatement { _ in
                status = await app.verify(person.email, code: wrong(code)).status
            } check: { _ in
                let tries = try await app.count("SELECT tries AS count FROM challenges")
                #expect(tries == (status == 400 ? 1 : 0))
                #expect(try await app.audited("email.verified").count == Int(tries))
            }
            #expect(count >= 3)
        }
    }

    @Test(arguments: Engine.available)
    func `resetting a password is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register(isVerified: false)
            let token = try await app.resetChallenge(person).token
            let emails = try await app.count("SELECT COUNT(*) AS count FROM outbox")
            var status = 0
            let count = try await outage.failEachStatement { _ in
                status = await app.call(
                    "POST", "/v1/auth/reset-password",
                    json: ["token": .string(token), "new_password": "another good password"]
                ).status
            } check: { _ in
                let isDone = status == 200
                let isUsed = try await isChallengeUsed(app, person, "reset-password")
                #expect(isUsed == isDone)
                let reasons = try await app.revocationReasons(of: person)
                #expect(reasons == [isDone ? "password reset" : nil])
                let isVerified = try await app.isVerified(person)
                #expect(isVerified == isDone)
                let audited = try await app.audited("password.reset").count
                #expect(audited == (isDone ? 1 : 0))
                let emailCount = try await app.count("SELECT COUNT(*) AS count FROM outbox")
                #expect(emailCount == emails + (isDone ? 1 : 0))
                #expect(await app.call("GET", "/v1/auth/me", token: person.token).status == (isDone ? 401 : 200))
            }
            #expect(count >= 8)
            #expect(await app.signIn(person.email, "another good password").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `changing a password is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register()
            let other = await app.signIn(person)
            let emails = try await app.count("SELECT COUNT(*) AS count FROM outbox")
            var status = 0
            let count = try await outage.failEachStatement { _ in
                let body: JSONValue = [
                    "current_password": .string(person.password), "new_password": "another good password",
                ]
                status = await app.call("POST", "/v1/auth/change-password", json: body, token: person.token).status
            } check: { _ in
                let isDone = status == 200
                let reasons = try await app.revocationReasons(of: person).compactMap(\.self).count
                #expect(reasons == (isDone ? 1 : 0))
                let audited = try await app.audited("password.changed").count
                #expect(audited == (isDone ? 1 : 0))
                let emailCount = try await app.count("SELECT COUNT(*) AS count FROM outbox")
                #expect(emailCount == emails + (isDone ? 1 : 0))
                #expect(
                    await app.call("GET", "/v1/auth/me", token: other["access_token"]?.string).status
                        == (isDone ? 401 : 200))
            }
            #expect(count >= 5)
            #expect(await app.signIn(person.email, "another good password").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `changing an e-mail address is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register(isVerified: false)
            let new = "new-\(person.email)"
            var status = 0
            try await outage.failEachStatement { _ in
                let body: JSONValue = ["new_email": .string(new), "password": .string(person.password)]
                status = await app.call("POST", "/v1/auth/change-email", json: body, token: person.token).status
            } check: { _ in
                let isDone = status == 200
                let sent = try await app.count(
                    "SELECT COUNT(*) AS count FROM challenges WHERE purpose = 'change-email'")
                #expect(sent == (isDone ? 1 : 0))
                let audited = try await app.audited("email.change-requested").count
                #expect(audited == (isDone ? 1 : 0))
            }
            let token = try #require(try await app.challenges("verify-email", to: new).first).token
            let count = try await outage.failEachStatement { _ in
                status = await app.verify(token: token).status
            } check: { _ in
                let isDone = status == 200
                let isVerified = try await app.isVerified(person)
                #expect(isVerified == isDone)
                let audited = try await app.audited("email.changed").count
                #expect(audited == (isDone ? 1 : 0))
                let moved = try await app.count("SELECT COUNT(*) AS count FROM people WHERE email = \(new)")
                #expect(moved == (isDone ? 1 : 0))
            }
            #expect(count >= 7)
        }
    }

    @Test(arguments: Engine.available)
    func `closing an account is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register()
            var status = 0
            let count = try await outage.failEachStatement { _ in
                status = await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token).status
            } check: { _ in
                let isDone = status == 200
                let reasons = try await app.revocationReasons(of: person)
                #expect(reasons == [isDone ? "account closed" : nil])
                let audited = try await app.audited("account.closed").count
                #expect(audited == (isDone ? 1 : 0))
                #expect(await app.call("GET", "/v1/auth/me", token: person.token).status == (isDone ? 401 : 200))
            }
            #expect(count >= 6)
        }
    }
}
