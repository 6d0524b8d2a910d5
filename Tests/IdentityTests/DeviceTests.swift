import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// The endpoints that list and end the sessions of an account.
@Suite struct DeviceTests {
    private static let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"

    private func signIn(
        _ app: TestApp, _ person: TestPerson, userAgent: String = firefox, address: String = "198.51.100.7"
    ) async throws -> String {
        let credentials: JSONValue = ["email": .string(person.email), "password": .string(person.password)]
        let response = await app.call(
            "POST", "/v1/auth/login", json: credentials, headers: ["User-Agent": userAgent], address: address)
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        return token
    }

    @Test(arguments: Engine.available)
    func `lists the sessions of the account, and no others`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            app.clock.advance(by: .minutes(1))
            let token = try await signIn(app, person)
            let response = await app.call("GET", "/v1/auth/sessions", token: token)
            #expect(response.status == 200)
            #expect((response["total"], response["limit"], response["offset"]) == (2, 50, 0))
            let devices = try #require(response["data"]?.array)
            #expect(devices.count == 2)
            let device = try #require(devices.first?.object)
            #expect(device["label"] == "Firefox on Linux")
            #expect(device["address"] == "198.51.100.7")
            #expect(device["signed_in_by"] == "password")
            #expect((device["current"], device["browser"]) == (true, false))
            #expect(device["created_at"] == .string(app.clock.now.description))
            #expect(device["last_seen_at"] == .string(app.clock.now.description))
            #expect(device["expires_at"] == .string((app.clock.now + Session.absoluteLifetime).description))
            #expect(devices[1]["label"] == "Unknown device")
            #expect(devices[1]["current"] == false)
            // A refresh updates last_seen_at.
            app.clock.advance(by: .minutes(5))
            #expect(await app.refresh(person.refreshToken).status == 200)
            let again = await app.call("GET", "/v1/auth/sessions?limit=1", token: token)
            #expect(again["data"]?.array?.map { $0["id"] } == [devices[1]["id"]])
            #expect(again["data"]?.array?.first?["last_seen_at"] == .string(app.clock.now.description))
            #expect(again["total"] == 2)
            #expect(
                await app.call("GET", "/v1/auth/sessions?limit=1&offset=1", token: token)["data"]?.array?.map {
                    $0["id"]
                } == [devices[0]["id"]])
            let others = await app.call("GET", "/v1/auth/sessions", token: other.token)
            #expect(others["total"] == 1)
            for bounds in ["limit=0", "limit=101", "offset=-1", "limit=x"] {
                #expect(await app.call("GET", "/v1/auth/sessions?\(bounds)", token: token).status == 422)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `ended and expired sessions are not listed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let ended = try await signIn(app, person)
            #expect(await app.call("POST", "/v1/auth/logout", token: ended).status == 200)
            app.clock.advance(by: Session.idleLifetime)
            let token = try await signIn(app, person)
            #expect(await app.call("GET", "/v1/auth/sessions", token: token)["total"] == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `ends one session and its tokens`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let token = try await signIn(app, person)
            let devices = await app.call("GET", "/v1/auth/sessions", token: person.token)["data"]?.array ?? []
            let id = try #require(devices.first { $0["current"] == false }?["id"]?.string)
            // The session of another account is 404.
            let refused = await app.call("DELETE", "/v1/auth/sessions/\(id)", token: other.token)
            #expect(refused.status == 404)
            #expect(await app.call("GET", "/v1/auth/profile", token: token).status == 200)

            let response = await app.call("DELETE", "/v1/auth/sessions/\(id)", token: person.token)
            #expect(response.status == 204)
            #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "token-expired")
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            let audited = try await app.audited("session.ended")
            #expect(audited.map(\.subject) == [id])
            #expect(audited.map(\.actor) == [person.id.text])
            #expect(await app.call("DELETE", "/v1/auth/sessions/\(id)", token: person.token).status == 404)
            #expect(await app.call("DELETE", "/v1/auth/sessions/x", token: person.token).status == 404)
            #expect(try await app.audited("session.ended").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `ends the other sessions, or all`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let tokens = [try await signIn(app, person), try await signIn(app, person)]
            let response = await app.call("DELETE", "/v1/auth/sessions", token: person.token)
            #expect(response.json == ["ended": 2])
            for token in tokens {
                #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "token-expired")
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            #expect(try await app.audited("session.ended").count == 2)

            let last = try await signIn(app, person)
            #expect(await app.call("DELETE", "/v1/auth/sessions?scope=some", token: person.token).status == 422)
            #expect(await app.call("DELETE", "/v1/auth/sessions?scope=all", token: person.token).json == ["ended": 2])
            for token in [last, person.token] {
                #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "token-expired")
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: other.token).status == 200)
            #expect(try await app.audited("session.ended").count == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `ended sessions are pruned after the retention, their audit rows are kept`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.runJobs()
            let (idle, signedOut, active) = (
                try await app.register("idle"), try await app.register("out"), try await app.register("active")
            )
            #expect(await app.call("POST", "/v1/auth/logout", token: signedOut.token).status == 200)
            func owners() async throws -> Set<String> {
                Set(
                    try await app.app.database.read {
                        try $0.all("SELECT person_id FROM sessions") { try $0["person_id"] as String }
                    })
            }
            app.clock.advance(by: SessionPruningJob.kept - .days(1))
            #expect(await app.refresh(active.refreshToken).status == 200)
            try await app.runJobs()
            #expect(try await owners().count == 3)
            app.clock.advance(by: .days(2))
            try await app.runJobs()
            #expect(try await owners() == [idle.id.text, active.id.text])
            app.clock.advance(by: .days(27))
            #expect(await app.signIn(active).status == 200)
            try await app.runJobs()
            #expect(try await owners() == [idle.id.text, active.id.text])
            app.clock.advance(by: .days(4))
            try await app.runJobs()
            #expect(try await owners() == [active.id.text])
            #expect(try await app.audited("session.created").compactMap(\.actor).contains(idle.id.text))
        }
    }

    @Test(arguments: Engine.available)
    func `the reuse of a refresh token is reported by e-mail`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let credentials: JSONValue = ["email": .string(person.email), "password": .string(person.password)]
            let signedIn = await app.call(
                "POST", "/v1/auth/login", json: credentials, headers: ["User-Agent": Self.firefox])
            let token = try #require(signedIn["refresh_token"]?.string)
            #expect(await app.refresh(token).status == 200)
            app.clock.advance(by: Session.replayWindow + .seconds(1))
            let reused = await app.call(
                "POST", "/v1/auth/refresh", json: ["refresh_token": .string(token)], address: "203.0.113.9")
            #expect(reused.code == "invalid-refresh-token")
            let emails = try await app.mail(to: person.email).filter { $0.text.contains("203.0.113.9") }
            #expect(emails.count == 1)
            let text = try #require(emails.first?.text)
            #expect(text.contains("Firefox on Linux"))
            #expect(text.contains("31 January 2026, 12:00"))
            #expect(!text.contains(token))
            // A second reuse sends no further e-mail.
            #expect(await app.refresh(token).code == "invalid-refresh-token")
            #expect(try await app.mail(to: person.email).filter { $0.text.contains("203.0.113.9") }.count == 1)
            #expect(try await app.audited("session.revoked").count == 1)
            #expect(try await app.audited("session.refreshed").map(\.outcome) == ["refused"])
        }
    }

    @Test(arguments: Engine.available)
    func `the revocation, its audit row and its e-mail are atomic`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            #expect(await app.refresh(person.refreshToken).status == 200)
            app.clock.advance(by: Session.replayWindow + .seconds(1))
            let mails = try await app.mail(to: person.email).count
            try await withEachStatementFailing(
                on: app.app.database,
                { database in
                    try await app.withIdentity(on: database) { identity in
                        do { _ = try await identity.sessions.refresh(person.refreshToken, client: .fixture) } catch let
                            problem as Problem
                            where problem.kind == .invalidRefreshToken
                        {}
                    }
                },
                check: { _ in
                    let ended = try await app.revocationReasons(of: person).compactMap(\.self).count
                    let audited = try await app.audited("session.revoked").count
                    let sent = try await app.mail(to: person.email).count - mails
                    #expect((audited, sent) == (ended, ended))
                }
            )
            #expect(try await app.revocationReasons(of: person) == ["refresh token reused"])
        }
    }

    @Test(arguments: [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                + "Chrome/142.0.0.0 Safari/537.36",
            "Chrome on Windows"
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                + "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows"
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
                + "Gecko) Version/26.0 Safari/605.1.15",
            "Safari on macOS"
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
                + "like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone"
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
                + "Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome on Android"
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
                + "Chrome/142.0.0.0 Safari/537.36",
            "Chrome on ChromeOS"
        ),
        ("curl/8.14.1", "curl"), ("python-requests/2.32.5", "Python"),
        ("ClaudeClient/3 CFNetwork/3826 Darwin/24.6.0", "App on Apple"),
        ("Mozilla/5.0 (Linux)", "Linux"), ("MyClient/1.0", "MyClient"), ("", "Unknown device"),
        ("1.0", "Unknown device"), ("<script>", "Unknown device"),
        ("\u{202e}abc", "Unknown device"),
    ])
    func `the label of a device is derived from its user agent`(_ userAgent: String, _ label: String) {
        #expect(DeviceLabel.label(of: userAgent) == label)
        #expect(DeviceLabel.label(of: nil) == DeviceLabel.unknown)
    }
}
