import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Sessions that are authenticated by a cookie.
@Suite struct BrowserSessionTests {
    private static let ownOrigin = "https://console.example.org"

    /// A browser, which sends its cookie with every request.
    private struct Browser {
        let app: TestApp
        let cookie: String
        let csrf: String

        func call(
            _ method: String, _ path: String, json: JSONValue? = nil, headers: [String: String] = [:],
            token: String? = nil
        ) async -> TestResponse {
            await app.call(method, path, json: json, token: token, headers: ["Cookie": cookie].merging(headers) { $1 })
        }

        /// Sends a request with the own origin and the CSRF token.
        func change(_ method: String, _ path: String) async -> TestResponse {
            await call(method, path, headers: ["Origin": ownOrigin, "X-CSRF-Token": csrf])
        }
    }

    private func withApp(_ engine: Engine, _ body: (TestApp) async throws -> Void) async throws {
        try await withTestApp(engine, change: { $0.baseURL = Self.ownOrigin }, body)
    }

    private func signIn(_ app: TestApp, _ person: TestPerson) async throws -> (Browser, TestResponse) {
        let response = await app.call(
            "POST", "/v1/auth/browser-session",
            json: ["email": .string(person.email), "password": .string(person.password)],
            headers: ["Origin": Self.ownOrigin]
        )
        guard let cookie = response.headers["set-cookie"]?.prefix(while: { $0 != ";" }),
            let csrf = response["csrf_token"]?.string
        else {
            throw UnexpectedResponse(response)
        }
        return (Browser(app: app, cookie: String(cookie), csrf: csrf), response)
    }

    @Test(arguments: Engine.available)
    func `sign-in sets a cookie with HttpOnly, SameSite, Secure and the __Host- prefix`(_ engine: Engine) async throws {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, response) = try await signIn(app, person)
            #expect(response.status == 200)
            #expect(response.members == ["csrf_token", "expires_in", "user"])
            #expect(response.headers["cache-control"] == "no-store")
            let header = try #require(response.headers["set-cookie"])
            let lifetime = Session.absoluteLifetime.components.seconds
            #expect(header == "\(browser.cookie); Path=/; Max-Age=\(lifetime); HttpOnly; SameSite=Lax; Secure")
            #expect(header.hasPrefix("__Host-gatehouse="))

            let me = await browser.call("GET", "/v1/auth/profile")
            #expect(me.status == 200)
            #expect(me["user"]?["id"] == .string(person.id.text))
            let session = await browser.call("GET", "/v1/auth/browser-session")
            #expect(session["csrf_token"] == .string(browser.csrf))
            #expect(session["user"]?["id"] == .string(person.id.text))
            let devices = await browser.call("GET", "/v1/auth/sessions")["data"]?.array ?? []
            #expect(devices.first { $0["current"] == true }?["browser"] == true)
            #expect(try await app.audited("browser-session.created").map(\.actor) == [person.id.text])

            // Only a hash of the cookie's secret is stored.
            let value = String(browser.cookie.dropFirst("__Host-gatehouse=".count))
            let rows = try await app.app.database.read { try $0.all("SELECT * FROM sessions").map { "\($0)" }.joined() }
            #expect(!rows.contains(value) && !rows.contains(browser.csrf))
            #expect(!app.log.lines.joined().contains(value) && !app.log.lines.joined().contains(browser.csrf))
        }
    }

    @Test(arguments: Engine.available)
    func `an unsafe method requires an allowed Origin and the CSRF token`(_ engine: Engine) async throws {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            let (other, _) = try await signIn(app, person)
            let refusals: [(headers: [String: String], sentence: String)] = [
                ([:], "Invalid request origin"),
                (["X-CSRF-Token": browser.csrf], "Invalid request origin"),
                (["X-CSRF-Token": browser.csrf, "Sec-Fetch-Site": "same-origin"], "Invalid request origin"),
                (["Origin": "null", "X-CSRF-Token": browser.csrf], "Invalid request origin"),
                (["Origin": "https://attacker.example", "X-CSRF-Token": browser.csrf], "Invalid request origin"),
                (["Origin": "http://console.example.org", "X-CSRF-Token": browser.csrf], "Invalid request origin"),
                (["Origin": Self.ownOrigin], "Missing X-CSRF-Token header"),
                (["Origin": Self.ownOrigin, "X-CSRF-Token": ""], "Invalid CSRF token"),
                (["Origin": Self.ownOrigin, "X-CSRF-Token": other.csrf], "Invalid CSRF token"),
                (["Origin": Self.ownOrigin, "X-CSRF-Token": person.csrf], "Invalid CSRF token"),
            ]
            for (headers, sentence) in refusals {
                for (method, path) in [
                    ("POST", "/v1/auth/logout"), ("DELETE", "/v1/auth/sessions"),
                    ("DELETE", "/v1/auth/browser-session"),
                ] {
                    let response = await browser.call(method, path, headers: headers)
                    #expect(response.status == 403, "\(method) \(headers)")
                    #expect(response.code == "csrf-failed")
                    #expect(response["error"] == .string(sentence), "\(method) \(headers)")
                }
            }
            #expect(try await app.revocationReasons(of: person) == [nil, nil, nil])
            #expect(await browser.change("DELETE", "/v1/auth/sessions").json == ["ended": 2])
        }
    }

    @Test(arguments: Engine.available)
    func `signing out ends the session at once and deletes the cookie`(_ engine: Engine) async throws {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            let (other, _) = try await signIn(app, person)
            #expect(await browser.call("GET", "/v1/auth/profile").status == 200)
            let response = await browser.change("DELETE", "/v1/auth/browser-session")
            #expect(response.status == 200)
            #expect(
                response.headers["set-cookie"] == "__Host-gatehouse=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
            )
            let after = await browser.call("GET", "/v1/auth/profile")
            #expect(after.status == 401)
            #expect(after.code == "token-expired")
            #expect(await other.call("GET", "/v1/auth/profile").status == 200)
            #expect(try await app.audited("session.ended").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `signing out deletes the cookie of a session that has ended`(_ engine: Engine) async throws {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            let (other, _) = try await signIn(app, person)
            let deletion = "__Host-gatehouse=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
            #expect(await browser.change("POST", "/v1/auth/logout").status == 200)
            for _ in 0..<2 {
                let response = await browser.change("DELETE", "/v1/auth/browser-session")
                #expect(response.status == 200, "\(response)")
                #expect(response.headers["set-cookie"] == deletion)
            }
            let malformed = await app.call(
                "DELETE", "/v1/auth/browser-session",
                headers: ["Cookie": "__Host-gatehouse=x", "Origin": Self.ownOrigin])
            #expect(malformed.status == 200 && malformed.headers["set-cookie"] == deletion)

            // Another site's page cannot delete it. A request without a cookie, or with a token, is refused.
            let foreign = await browser.call(
                "DELETE", "/v1/auth/browser-session",
                headers: ["Origin": "https://attacker.example", "X-CSRF-Token": browser.csrf])
            #expect(foreign.code == "csrf-failed" && foreign.headers["set-cookie"] == nil)
            #expect(await app.call("DELETE", "/v1/auth/browser-session").code == "missing-authorization")
            let bearer = await browser.call("DELETE", "/v1/auth/browser-session", token: "a.b.c")
            #expect(bearer.code == "authentication-failed" && bearer.headers["set-cookie"] == nil)
            // Other sessions continue, and a live one needs its CSRF token.
            #expect(await other.call("GET", "/v1/auth/profile").status == 200)
            let without = await other.call("DELETE", "/v1/auth/browser-session", headers: ["Origin": Self.ownOrigin])
            #expect(without.code == "csrf-failed" && without.headers["set-cookie"] == nil)
            #expect(try await app.audited("session.ended").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a session ends when it is idle, at its maximum age, and when its account is suspended`(_ engine: Engine)
        async throws
    {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            // Every use extends the idle lifetime.
            for _ in 0..<4 {
                app.clock.advance(by: .days(20))
                #expect(await browser.call("GET", "/v1/auth/profile").status == 200)
            }
            app.clock.advance(by: .days(10) - .seconds(1))
            #expect(await browser.call("GET", "/v1/auth/profile").status == 200)
            app.clock.advance(by: .seconds(1))
            #expect(await browser.call("GET", "/v1/auth/profile").code == "token-expired")

            let (idle, _) = try await signIn(app, person)
            app.clock.advance(by: Session.idleLifetime)
            #expect(await idle.call("GET", "/v1/auth/profile").code == "token-expired")

            let (suspended, _) = try await signIn(app, person)
            #expect(await suspended.call("GET", "/v1/auth/profile").status == 200)
            try await app.app.identity.accounts.suspend(person.id)
            #expect(await suspended.call("GET", "/v1/auth/profile").code == "token-expired")
            #expect(
                await app.call(
                    "POST", "/v1/auth/browser-session",
                    json: ["email": .string(person.email), "password": .string(person.password)]
                ).code
                    == "account-suspended")
        }
    }

    @Test(arguments: Engine.available)
    func `a cookie acts in the organisation that its session moved to, at once here and within a second elsewhere`(
        _ engine: Engine
    ) async throws {
        try await withApp(engine) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            let id = try await app.organisation(of: owner)
            try await app.join(guest, id, as: "member", invitedBy: owner)
            let (browser, _) = try await signIn(app, guest)
            func organisation(_ node: TestApp) async -> JSONValue? {
                await node.call("GET", "/v1/auth/verify", headers: ["Cookie": browser.cookie])["organisation_id"]
            }
            func move(to organisation: String) async -> Int {
                await browser.call(
                    "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(organisation)],
                    headers: ["Origin": Self.ownOrigin, "X-CSRF-Token": browser.csrf]
                ).status
            }
            try await app.withSecondProcess { second in
                for node in [app, second] { #expect(await organisation(node) == .string(guest.organisation)) }
                for target in [id, guest.organisation, id] {
                    #expect(await move(to: target) == 200)
                    #expect(await organisation(app) == .string(target))
                    app.clock.advance(by: .seconds(1))
                    #expect(await organisation(second) == .string(target))
                }
                // The end of the membership moves the session back.
                let removed = await app.call(
                    "DELETE", "/v1/organisations/\(id)/members/\(guest.id)", token: owner.token)
                #expect(removed.status == 204, "\(removed)")
                #expect(await organisation(app) == .string(guest.organisation))
                app.clock.advance(by: .seconds(1))
                #expect(await organisation(second) == .string(guest.organisation))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a session ended by another process is refused after the next synchronisation`(_ engine: Engine) async throws {
        try await withApp(engine) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/profile", headers: ["Cookie": browser.cookie]).status == 200)
                #expect(await browser.change("POST", "/v1/auth/logout").status == 200)
                try await second.app.identity.revocations.synchronize()
                #expect(
                    await second.call("GET", "/v1/auth/profile", headers: ["Cookie": browser.cookie]).code
                        == "token-expired")
            }
        }
    }

    @Test func `only the exact cookie value is accepted`() async throws {
        try await withApp(.sqlite) { app in
            let person = try await app.register()
            let (browser, _) = try await signIn(app, person)
            let value = String(browser.cookie.dropFirst("__Host-gatehouse=".count))
            func response(_ cookie: String) async -> TestResponse {
                await app.call("GET", "/v1/auth/profile", headers: ["Cookie": cookie])
            }
            // Another secret for the same session, and a secret for a session without a cookie.
            let session = try #require(BrowserSession(value)?.session)
            let forged = BrowserSession(session: session, runtime: app.runtime).text
            #expect(await response("__Host-gatehouse=\(forged)").code == "token-expired")
            let bearer = try #require(RefreshToken(person.refreshToken)?.session)
            #expect(
                await response("__Host-gatehouse=\(BrowserSession(session: bearer, runtime: app.runtime).text)").code
                    == "token-expired")
            for malformed in [
                "", "x", String(value.dropLast()), value + "A", value + "=", person.token, person.refreshToken,
            ] {
                let response = await response("__Host-gatehouse=\(malformed)")
                #expect(response.status == 401, "\(malformed)")
                #expect(response.code == "authentication-failed", "\(malformed)")
            }
            // Two cookies with different values are refused.
            #expect(
                await response("__Host-gatehouse=\(value); __Host-gatehouse=\(forged)").code == "authentication-failed")
            #expect(await response("other=1; __Host-gatehouse=\(value) ; third").status == 200)
            // A cookie with another name is ignored.
            for name in ["gatehouse", "gatehouse-development", "__host-gatehouse", "x__Host-gatehouse"] {
                #expect(await response("\(name)=\(value)").code == "missing-authorization")
            }
            // The cookie value is not a bearer token, and an Authorization header takes precedence over the cookie.
            #expect(await app.call("GET", "/v1/auth/profile", token: value).code == "authentication-failed")
            #expect(await browser.call("GET", "/v1/auth/profile", token: "a.b.c").code == "authentication-failed")
            #expect(await app.refresh(value).code == "invalid-refresh-token")
        }
    }

    @Test func `a login from another origin is refused`() async throws {
        try await withApp(.sqlite) { app in
            let person = try await app.register()
            let form = Array("username=\(person.email)&password=\(TestApp.password)".utf8)
            func response(_ origin: String?) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/browser-session", body: ("application/x-www-form-urlencoded", form),
                    headers: origin.map { ["Origin": $0] } ?? [:])
            }
            let refused = await response("https://attacker.example")
            #expect(refused.status == 403)
            #expect(refused["error"] == "Invalid request origin")
            #expect(refused.headers["set-cookie"] == nil)
            #expect(await response(Self.ownOrigin).status == 200)
            #expect(await response(nil).status == 200)
            let wrong = await app.call(
                "POST", "/v1/auth/browser-session",
                json: ["email": .string(person.email), "password": "a wrong password"])
            #expect(wrong.code == "invalid-credentials")
            #expect(wrong.headers["set-cookie"] == nil)
        }
    }

    @Test func `the browser session of a bearer token is 404`() async throws {
        try await withApp(.sqlite) { app in
            let person = try await app.register()
            #expect(await app.call("GET", "/v1/auth/browser-session", token: person.token).status == 404)
            #expect(await app.call("GET", "/v1/auth/browser-session").code == "missing-authorization")
        }
    }

    @Test func `a wildcard in CORS_ORIGINS does not allow other origins with a cookie`() async throws {
        try await withTestApp(.sqlite, change: { ($0.baseURL, $0.corsOrigins) = (Self.ownOrigin, ["*"]) }) { app in
            let (browser, _) = try await signIn(app, try await app.register())
            let response = await browser.call(
                "POST", "/v1/auth/logout",
                headers: ["Origin": "https://attacker.example", "X-CSRF-Token": browser.csrf])
            #expect(response["error"] == "Invalid request origin")
        }
    }

    @Test(arguments: [
        ("https://api.example.org", "__Host-gatehouse", true), ("http://api.example.org", "__Host-gatehouse", true),
        ("http://localhost:8080", "gatehouse-development", false),
        ("http://127.0.0.1:9000/x", "gatehouse-development", false),
        ("http://[::1]:9000", "gatehouse-development", false),
        ("http://localhost.example.org", "__Host-gatehouse", true),
        ("https://localhost", "__Host-gatehouse", true), ("http://127.0.0.1.example.org", "__Host-gatehouse", true),
    ])
    func `only a loopback address uses the cookie without Secure`(_ address: String, _ name: String, _ isSecure: Bool) {
        let cookie = BrowserCookie(address: address)
        #expect((cookie.name, cookie.isSecure) == (name, isSecure))
        #expect(cookie.header("x", lifetime: .seconds(1)).hasSuffix("; Secure") == isSecure)
    }

    @Test func `both names of a loopback address are the own origin`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for origin in ["http://localhost:8080", "http://127.0.0.1:8080"] {
                let signedIn = await app.call(
                    "POST", "/v1/auth/browser-session",
                    json: ["email": .string(person.email), "password": .string(person.password)],
                    headers: ["Origin": origin])
                let cookie = try #require(signedIn.headers["set-cookie"]?.prefix { $0 != ";" })
                #expect(cookie.hasPrefix("gatehouse-development="))
                let headers = [
                    "Cookie": String(cookie), "Origin": origin, "X-CSRF-Token": signedIn["csrf_token"]?.string ?? "",
                ]
                #expect(await app.call("POST", "/v1/auth/logout", headers: headers).status == 200)
            }
        }
    }
}
