import App
import Base
import Modules
import Synchronization
import TestKit
import Testing

@Suite struct RefreshTests {
    @Test(arguments: Engine.available)
    func `a refresh rotates the refresh token`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let response = await app.refresh(person.refreshToken)
            #expect(response.status == 200)
            #expect(
                response.members == ["access_token", "refresh_token", "token_type", "expires_in", "csrf_token", "user"])
            let (access, refresh) = (
                try #require(response["access_token"]?.string), try #require(response["refresh_token"]?.string)
            )
            #expect(refresh != person.refreshToken)
            #expect(await app.call("GET", "/v1/auth/profile", token: access).status == 200)
            // A refresh does not end earlier access tokens.
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE counter = 1") == 1)
            #expect(await app.refresh(refresh).status == 200)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE counter = 2") == 1)

            let token = await app.signIn(person)["refresh_token"]?.string ?? ""
            let form = await app.call(
                "POST",
                "/v1/auth/refresh",
                body: (
                    "application/x-www-form-urlencoded",
                    Array("grant_type=refresh_token&refresh_token=\(token)".utf8)
                )
            )
            #expect(form.status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `the previous token gets the same successor for 30 seconds`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let first = await app.refresh(person.refreshToken)
            for seconds in [0, 1, 29] {
                app.clock.advance(by: .seconds(seconds))
                let again = await app.refresh(person.refreshToken)
                #expect(again.status == 200)
                #expect(again["refresh_token"] == first["refresh_token"])
            }
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE counter = 1 AND revoked_at IS NULL")
                    == 1)
            #expect(try await app.audited("session.revoked") == [])
        }
    }

    @Test(arguments: Engine.available)
    func `the previous token after the window revokes its session, and no other`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = await app.signIn(person)
            let successor = await app.refresh(person.refreshToken)
            app.clock.advance(by: .seconds(31))

            let reused = await app.refresh(person.refreshToken, headers: ["X-Request-ID": "the-reused-token"])
            #expect(reused.status == 401)
            #expect(reused.code == "invalid-refresh-token")
            #expect(try await app.revocationReasons(of: person).compactMap(\.self) == ["refresh token reused"])
            let audited = try await app.audited("session.revoked")
            #expect(audited.count == 1)
            #expect(audited.first?.outcome == "refused")
            #expect(audited.first?.details.contains("refresh token reused") == true)
            #expect(
                try await app.count(
                    "SELECT COUNT(*) AS count FROM audit_events WHERE request_id = 'the-reused-token'") == 1)

            // Every token of the session is refused at once.
            #expect(await app.refresh(successor["refresh_token"]?.string ?? "").code == "invalid-refresh-token")
            for token in [person.token, successor["access_token"]?.string ?? ""] {
                #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "token-expired")
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: other["access_token"]?.string).status == 200)
            #expect(await app.refresh(other["refresh_token"]?.string ?? "").status == 200)
            #expect(try await app.audited("session.revoked").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a token older than the previous one revokes the session at once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let second = await app.refresh(person.refreshToken)
            let third = await app.refresh(second["refresh_token"]?.string ?? "")
            #expect(third.status == 200)
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(try await app.revocationReasons(of: person) == ["refresh token reused"])
            #expect(await app.refresh(third["refresh_token"]?.string ?? "").code == "invalid-refresh-token")
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent refreshes get one successor`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 { group.addTask { await app.refresh(person.refreshToken) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.map(\.status) == Array(repeating: 200, count: 8))
            #expect(Set(responses.map { $0["refresh_token"] }).count == 1)
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE counter = 1 AND revoked_at IS NULL")
                    == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a session ends after thirty idle days`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            app.clock.advance(by: .days(30) - .seconds(1))
            let kept = await app.refresh(person.refreshToken)
            #expect(kept.status == 200)
            app.clock.advance(by: .days(30))
            #expect(await app.refresh(kept["refresh_token"]?.string ?? "").code == "invalid-refresh-token")
            // An expired session is not audited as reuse.
            #expect(try await app.audited("session.revoked") == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a session ends after ninety days, also with activity`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            var token = person.refreshToken
            for _ in 0..<5 {
                app.clock.advance(by: .days(17))
                token = try #require(await app.refresh(token)["refresh_token"]?.string)
            }
            app.clock.advance(by: .days(5) - .seconds(1))
            token = try #require(await app.refresh(token)["refresh_token"]?.string)
            app.clock.advance(by: .seconds(1))
            #expect(await app.refresh(token).code == "invalid-refresh-token")
        }
    }

    @Test func `a token with a wrong checksum is refused without a database statement`() async throws {
        let counting = Mutex<FaultyDatabase?>(nil)
        let wrapper: @Sendable (any Database) -> any Database = { database in
            let faulty = FaultyDatabase(database, failingAt: nil)
            counting.withLock { $0 = faulty }
            return faulty
        }
        try await withTestApp(.sqlite, databaseWrapper: wrapper) { app in
            let person = try await app.register()
            func statements() -> Int { counting.withLock { $0?.statementCount ?? 0 } }
            let before = statements()
            var characters = Array(person.refreshToken)
            let mistyped: [String] = characters.indices.map { index in
                characters = Array(person.refreshToken)
                characters[index] = characters[index] == "A" ? "B" : "A"
                return String(characters)
            }
            for token in mistyped + [
                "x", person.token, String(person.refreshToken.dropLast()), person.refreshToken + "A",
                person.refreshToken + "=",
            ]
            where token != person.refreshToken {
                let response = await app.refresh(token)
                #expect(response.status == 401)
                #expect(response.code == "invalid-refresh-token")
            }
            #expect(statements() == before)
            #expect(await app.refresh(person.refreshToken).status == 200)
            #expect(statements() > before)
        }
    }

    @Test func `a refresh token is not accepted as an access token`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let response = await app.call("GET", "/v1/auth/profile", token: person.refreshToken)
            #expect(response.status == 401)
            #expect(response.code == "authentication-failed")
        }
    }
}
