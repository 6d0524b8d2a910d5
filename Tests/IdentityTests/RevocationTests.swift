import App
import Base
import Identity
import Modules
import TestKit
import Testing

@Suite struct RevocationTests {
    @Test(arguments: Engine.available)
    func `signing out ends the session's access token at once, and no other session`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = await app.signIn(person)
            let response = await app.call("POST", "/v1/auth/logout", token: person.token)
            #expect(response.status == 200)
            #expect(response["message"] == "Signed out")

            let again = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(again.status == 401)
            #expect(again.code == "token-expired")
            #expect(await app.call("POST", "/auth/signout", token: person.token).status == 401)
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(await app.call("GET", "/v1/auth/profile", token: other["access_token"]?.string).status == 200)
            #expect(Set(try await app.revocationReasons(of: person)) == ["signed out", nil])
            #expect(try await app.audited("session.ended").map(\.actor) == [person.id.text])
            #expect(try await app.audited("session.revoked") == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a session revoked by another process is refused after the next synchronisation`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).status == 200)
                #expect(await app.call("POST", "/v1/auth/logout", token: person.token).status == 200)
                try await second.app.identity.revocations.synchronize()
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).code == "token-expired")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a revocation that commits late is still read`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let before = app.clock.now
            try await app.withSecondProcess { second in
                second.clock.advance(by: .seconds(45))
                try await second.app.identity.revocations.synchronize()
                // The transaction of another node began 45 seconds ago and commits now.
                try await app.app.database.write { transaction in
                    try transaction.execute(
                        """
                        UPDATE sessions SET revoked_at = \(before), revoked_because = 'test'
                        WHERE person_id = \(person.id)
                        """
                    )
                }
                try await second.app.identity.revocations.synchronize()
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).code == "token-expired")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a restart keeps sessions, tokens and revocations`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (kept, ended) = (try await app.register("kept"), try await app.register("ended"))
            #expect(await app.call("POST", "/v1/auth/logout", token: ended.token).status == 200)
            app.clock.advance(by: .minutes(14))
            try await app.withSecondProcess { restarted in
                #expect(
                    await restarted.call("GET", "/v1/auth/profile", token: kept.token)["user"]?["id"]
                        == .string(kept.id.text))
                #expect(await restarted.call("GET", "/v1/auth/profile", token: ended.token).code == "token-expired")
                #expect(await restarted.refresh(kept.refreshToken).status == 200)
                #expect(await restarted.refresh(ended.refreshToken).status == 401)
                #expect(await restarted.signIn(kept).status == 200)
            }
        }
    }
}
