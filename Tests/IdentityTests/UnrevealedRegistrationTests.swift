import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Registrations with `REGISTRATION_REVEALS=false`.
@Suite struct UnrevealedRegistrationTests {
    private func withUnrevealed(_ engine: Engine, _ body: (TestApp) async throws -> Void) async throws {
        try await withTestApp(engine, change: { $0.registrationReveals = false }, body)
    }

    private func register(
        _ app: TestApp, _ email: String, password: String = TestApp.password, username: String? = nil,
        at path: String = "/v1/auth/register"
    ) async -> TestResponse {
        var registration: [String: JSONValue] = ["email": .string(email), "password": .string(password)]
        if let username { registration["username"] = .string(username) }
        return await app.call("POST", path, json: .object(registration))
    }

    private func login(_ app: TestApp, _ name: String, _ password: String = TestApp.password) async -> TestResponse {
        await app.call("POST", "/v1/auth/login", json: ["email": .string(name), "password": .string(password)])
    }

    private func verify(_ app: TestApp, _ email: String) async throws {
        let token = try #require(try await app.mail(to: email).last?.token)
        #expect(await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)]).status == 200)
    }

    @Test(arguments: Engine.available, ["/v1/auth/register", "/v1/auth/signup"])
    func `a known and a new address get the same response, and the owner of the known one an e-mail a day`(
        _ engine: Engine, path: String
    ) async throws {
        try await withUnrevealed(engine) { app in
            let new = await register(app, "owner@example.org", at: path)
            #expect(new.status == 202 && new.members == ["success", "message"], "\(new)")
            #expect(new.headers["set-cookie"] == nil && new.headers["location"] == nil)
            try await verify(app, "owner@example.org")
            for spelling in ["owner@example.org", "OWNER@Example.org", "owner@example.org"] {
                let known = await register(app, spelling, password: "another long password", at: path)
                #expect(known.status == 202 && known.bytes == new.bytes, "\(known)")
                #expect(Set(known.headers.keys) == Set(new.headers.keys))
            }
            let mails = try await app.mail(to: "owner@example.org")
            let notice = mails.first { $0.subject == "You already have an account" }
            #expect(mails.count == 2)
            #expect(notice?.link == "http://localhost:8080" && notice?.token == nil)
            app.clock.advance(by: RegistrationService.noticeInterval - .microseconds(1))
            #expect(await register(app, "owner@example.org", at: path).status == 202)
            #expect(try await app.mail(to: "owner@example.org").count == 2)
            app.clock.advance(by: .microseconds(1))
            #expect(await register(app, "owner@example.org", at: path).status == 202)
            #expect(try await app.mail(to: "owner@example.org").count == 3)

            #expect(try await app.count("SELECT COUNT(*) AS count FROM people") == 1)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions") == 0)
            let audited = try await app.audited("account.created")
            #expect(audited.map(\.outcome).sorted() == Array(repeating: "refused", count: 5) + ["success"])
            #expect(await login(app, "owner@example.org", "another long password").status == 401)
            #expect(await login(app, "owner@example.org").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a sign-in needs a verified address, and is refused as one with a wrong password`(_ engine: Engine)
        async throws
    {
        try await withUnrevealed(engine) { app in
            #expect(await register(app, "person@example.org").status == 202)
            let unverified = await login(app, "person@example.org")
            let wrong = await login(app, "person@example.org", "wrong password")
            let unknown = await login(app, "unknown@example.org")
            for response in [unverified, wrong, unknown] {
                #expect(response.status == 401 && response.code == "invalid-credentials", "\(response)")
                #expect(response["detail"] == unknown["detail"] && response.members == unknown.members)
            }
            try await verify(app, "person@example.org")
            #expect(await login(app, "person@example.org").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `the owner of an address that another person registered takes the account over by the e-mail`(
        _ engine: Engine
    ) async throws {
        try await withUnrevealed(engine) { app in
            let first = await register(app, "owner@example.org", password: "password of another person")
            let second = await register(app, "owner@example.org", password: "password of the owner")
            #expect(first.status == 202 && second.status == 202 && first.bytes == second.bytes)
            let mails = try await app.mail(to: "owner@example.org")
            let challenge = mails.first { $0.subject == "Choose a new password" }
            #expect(mails.count == 2)
            let reset = await app.call(
                "POST", "/v1/auth/reset-password",
                json: [
                    "token": .string(try #require(challenge?.token)), "new_password": "password of the owner",
                ])
            #expect(reset.status == 200, "\(reset)")
            #expect(await login(app, "owner@example.org", "password of another person").status == 401)
            let signedIn = await login(app, "owner@example.org", "password of the owner")
            #expect(signedIn.status == 200 && signedIn["user"]?["email_verified"] == true, "\(signedIn)")
        }
    }

    @Test(arguments: Engine.available)
    func `a taken user name is not told, and the new account gets digits behind it`(_ engine: Engine) async throws {
        try await withUnrevealed(engine) { app in
            let long = String(repeating: "n", count: 64)
            for name in ["taken", long] {
                let first = await register(app, "a-\(name.count)@example.org", username: name)
                let second = await register(app, "b-\(name.count)@example.org", username: name.uppercased())
                #expect(first.status == 202 && second.status == 202 && first.bytes == second.bytes, "\(second)")
                try await verify(app, "b-\(name.count)@example.org")
                let user = await login(app, "b-\(name.count)@example.org")["user"]
                let username = try #require(user?["username"]?.string)
                #expect(username.hasPrefix(name.uppercased().prefix(59) + "-") && username.count <= 64, "\(username)")
                #expect(await login(app, username).status == 200)
                #expect(await login(app, name).status == 401, "the first account is not verified")
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people") == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent registrations of an address make one account`(_ engine: Engine) async throws {
        try await withUnrevealed(engine) { app in
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 {
                    group.addTask { await register(app, "owner@example.org", username: "owner") }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 202 && $0.bytes == responses[0].bytes }, "\(responses)")
            let people = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(people == 1)
            // The challenge of the address, and that of a new password.
            let mails = try await app.mail(to: "owner@example.org")
            #expect(mails.count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an invalid registration is refused as usual`(_ engine: Engine) async throws {
        try await withUnrevealed(engine) { app in
            #expect(await register(app, "no address").pointers == ["/email"])
            #expect(await register(app, "a@example.org", password: "short").pointers == ["/password"])
            let people = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(people == 0)
        }
    }
}
