import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import Rates
import TestKit
import Testing

/// Rate limits over HTTP.
@Suite struct RateGateTests {
    private func login(_ app: TestApp, _ email: String = "unknown@example.org", from address: String = "192.0.2.1")
        async
        -> TestResponse
    {
        await app.call(
            "POST", "/v1/auth/login", json: ["email": .string(email), "password": "wrong password"], address: address)
    }

    @Test(arguments: Engine.available)
    func `excess attempts of one network are refused with Retry-After, other networks are not`(_ engine: Engine)
        async throws
    {
        try await withTestApp(
            engine,
            change: { ($0.limitsRates, $0.authenticationRequests, $0.authenticationWindow) = (true, 3, .seconds(30)) }
        ) { app in
            for left in (0..<3).reversed() {
                let response = await login(app, "a\(left)@example.org")
                #expect(response.status == 401)
                #expect(response.headers["x-ratelimit-remaining"] == "\(left)")
            }
            let refused = await login(app, "refused@example.org")
            #expect(refused.status == 429)
            #expect(refused.code == "rate-limited")
            #expect(refused["error"]?.string == "Rate limit exceeded. Please try again later.")
            #expect(refused["title"] == refused["error"])
            #expect(refused.headers["retry-after"] == "10")
            #expect(refused.headers["ratelimit-policy"] == #""visitors";q=300;w=60, "authentication";q=3;w=30"#)
            #expect(refused.headers["ratelimit"] == #""visitors";r=296;t=1, "authentication";r=0;t=30"#)
            #expect(refused.headers["x-ratelimit-limit"] == "3")
            #expect(
                refused.headers["x-ratelimit-reset"] == "\((app.clock.now + .seconds(30)).microseconds.wholeSeconds)")
            // The refusal comes before the body is read; all authentication endpoints share the limit.
            #expect(await app.call("POST", "/v1/auth/register", body: ("text/plain", [1, 2, 3])).status == 429)
            #expect(await login(app, "other@example.org", from: "192.0.2.2").status == 401)
            app.clock.advance(by: .seconds(9))
            #expect(await login(app, "third@example.org").status == 429)
            app.clock.advance(by: .seconds(1))
            #expect(await login(app, "third@example.org").status == 401)
            #expect(await login(app, "third@example.org").status == 429)
            let metrics = await app.call("GET", "/metrics").text
            #expect(metrics.contains(#"gatehouse_rate_checks_total{limit="authentication",outcome="refused"} 4"#))
        }
    }

    @Test func `all addresses of an IPv6 /64 count as one network`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 2) }) { app in
            #expect(await login(app, "a@example.org", from: "2001:db8:0:1::1").status == 401)
            #expect(await login(app, "b@example.org", from: "2001:db8:0:1:ffff::2").status == 401)
            #expect(await login(app, "c@example.org", from: "2001:db8:0:1::3").status == 429)
            #expect(await login(app, "c@example.org", from: "2001:db8:0:2::3").status == 401)
        }
    }

    @Test func `attempts at one account are counted over all networks`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 3) }) { app in
            for host in 1...3 {
                #expect(await login(app, "target@example.org", from: "198.51.100.\(host)").status == 401)
            }
            let refused = await login(app, " Target@Example.org", from: "198.51.100.4")
            #expect(refused.status == 429)
            #expect(refused.headers["ratelimit"]?.contains(#""account";r=0"#) == true)
            #expect(await login(app, "other@example.org", from: "198.51.100.4").status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `attempts at an account from other networks do not lock out the owner's known device`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 3) }) { app in
            let owner = try await app.register()
            for host in 1...3 { _ = await login(app, owner.email, from: "198.51.100.\(host)") }
            #expect(await login(app, owner.email, from: "198.51.100.4").status == 429)
            let password: JSONValue = ["email": .string(owner.email), "password": .string(owner.password)]
            let unknown = await app.call("POST", "/v1/auth/login", json: password, address: "198.51.100.5")
            #expect(unknown.status == 429, "the right password from an unknown device")
            let known = await app.call("POST", "/v1/auth/login", json: password)
            #expect(known.status == 200 && known.headers["ratelimit"]?.contains(#""account";r=0"#) == true, "\(known)")
        }
    }

    @Test func `token endpoints are limited as other public endpoints are`() async throws {
        try await withTestApp(
            .sqlite, change: { ($0.limitsRates, $0.authenticationRequests, $0.anonymousRequests) = (true, 2, 12) }
        ) { app in
            for _ in 0..<5 {
                #expect(await app.call("POST", "/v1/auth/refresh", json: ["refresh_token": "no token"]).status == 401)
                #expect(await app.call("POST", "/v1/auth/verify-token", json: ["token": "no token"]).status != 429)
            }
            #expect(await login(app).status == 401)
            #expect(await login(app, "second@example.org").status == 401)
            #expect(await app.call("POST", "/v1/auth/refresh", json: ["refresh_token": "no token"]).status == 429)
        }
    }

    @Test func `requests without a valid credential are limited by network`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.anonymousRequests) = (true, 3) }) { app in
            let person = try await app.register()
            #expect(await app.call("GET", "/v1/plans").status == 200)
            #expect(
                await app.call("GET", "/v1/plans", token: "made up").status == 200,
                "the route does not authenticate, so a token exempts no request")
            #expect(await app.call("GET", "/v1/plans", token: "made up").status == 429)
            #expect(await app.call("GET", "/v1/auth/profile").status == 429, "before authentication")
            #expect(await app.call("GET", "/v1/auth/profile", token: "made.up.token").status == 429)
            #expect(
                await app.call("GET", "/v1/auth/profile", token: "made.up.token", address: "192.0.2.77").status == 401)
            #expect(
                await app.call("GET", "/v1/auth/profile", token: person.token).status == 200,
                "authenticated requests have other limits")
            #expect(await app.call("GET", "/health").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `organisations without a plan share the rate of the account, those with one have their own`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let (owner, member) = (try await app.register("owner"), try await app.register("member"))
            var organisations = [owner.organisation]
            for name in ["First", "Second", "Third"] {
                let made = await app.call(
                    "POST", "/v1/organisations", json: ["name": .string(name)], token: owner.token)
                organisations.append(try #require(made["id"]?.string, "\(made)"))
            }
            func list(_ person: TestPerson, in organisation: String) async -> TestResponse {
                await app.call(
                    "GET", "/v1/training/list-sessions", token: person.token,
                    headers: ["X-Organisation": organisation])
            }
            // Three units were taken to create the organisations.
            for turn in 0..<57 {
                let response = await list(owner, in: organisations[turn % organisations.count])
                #expect(response.status == 200, "\(turn): \(response)")
            }
            for organisation in organisations {
                #expect(await list(owner, in: organisation).code == "rate-limited")
            }
            // Members of one organisation count by themselves until it has a plan.
            try await app.app.database.write { [joined = organisations.prefix(2)] transaction in
                for organisation in joined {
                    try transaction.execute(
                        """
                        INSERT INTO memberships (organisation_id, person_id, role, created_at)
                        VALUES (\(organisation), \(member.id), 'member', \(transaction.now))
                        """)
                }
            }
            app.clock.advance(by: .milliseconds(600))
            #expect(await list(member, in: organisations[1]).headers["x-ratelimit-remaining"] == "59")
            try await app.put(owner, on: "pro")
            app.clock.advance(by: .seconds(3))
            let paid = await list(owner, in: owner.organisation)
            #expect(paid.status == 200 && paid.headers["x-ratelimit-remaining"] == "299", "\(paid.headers)")
            #expect(await list(member, in: owner.organisation).headers["x-ratelimit-remaining"] == "298")
        }
    }

    @Test(arguments: Engine.available)
    func `signing out deletes the cookie of a session that has ended, within the rate of its network`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let origin = "http://localhost:8080"
            let signedIn = await app.call(
                "POST", "/v1/auth/browser-session",
                json: ["email": .string(person.email), "password": .string(person.password)],
                headers: ["Origin": origin])
            let cookie = String(try #require(signedIn.headers["set-cookie"]?.prefix { $0 != ";" }))
            let headers = [
                "Cookie": cookie, "Origin": origin, "X-CSRF-Token": try #require(signedIn["csrf_token"]?.string),
            ]
            func signOut(from address: String = "192.0.2.1") async -> TestResponse {
                await app.call("DELETE", "/v1/auth/browser-session", headers: headers, address: address)
            }
            #expect(await app.call("POST", "/v1/auth/logout", headers: headers).status == 200)
            let name = cookie.prefix { $0 != "=" }
            for turn in 0..<60 {
                let response = await signOut()
                #expect(response.status == 200, "\(turn): \(response)")
                #expect(response.headers["set-cookie"]?.hasPrefix("\(name)=; Path=/; Max-Age=0") == true)
            }
            #expect(await signOut().code == "rate-limited")
            #expect(await signOut(from: "203.0.113.9").status == 200, "another network")
            // A request that needs the session is refused as one without a credential.
            #expect(await app.call("GET", "/v1/auth/profile", headers: headers).code == "token-expired")
        }
    }

    @Test(arguments: Engine.available)
    func `a ticket takes from the rate of its organisation`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let made = await app.call(
                "POST", "/v1/training/init-session", json: ["sessionId": "s"], token: person.token)
            #expect([200, 201].contains(made.status), "\(made)")
            let id = try #require(
                try await app.app.database.read { transaction in
                    try transaction.first("SELECT id FROM training_sessions") { try $0["id"] as String }
                })
            let issued = await app.call(
                "POST", "/v1/realtime/tickets", json: ["topic": .string("training.\(id)")], token: person.token)
            let ticket = try #require(issued["ticket"]?.string, "\(issued)")
            let page = await app.call("GET", "/v1/realtime/topics/training.\(id)?ticket=\(ticket)")
            #expect(page.status == 200 && page["topic"] == .string("training.\(id)"), "\(page)")
            #expect(page.headers["ratelimit"]?.contains(#""plan-default-minute";r=57;"#) == true, "\(page.headers)")
            let again = await app.call("GET", "/v1/realtime/topics/training.\(id)?ticket=\(ticket)")
            #expect(again.code == "authentication-failed")
        }
    }

    @Test(arguments: Engine.available)
    func `a plan's rates apply per organisation, are sent on success, and are checked after role, before entitlement`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let first = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(first.status == 200)
            #expect(
                first.headers["ratelimit-policy"]
                    == #""plan-default-minute";q=60;w=60, "plan-default-hour";q=1000;w=3600"#)
            #expect(first.headers["ratelimit"] == #""plan-default-minute";r=59;t=1, "plan-default-hour";r=999;t=4"#)
            #expect((first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("60", "59"))
            // A request that is refused for its role takes no units.
            let id = "\(person.id)"
            for _ in 0..<3 {
                let response = await app.call(
                    "POST", "/v1/payments/subscriptions/\(id)/adjust", json: ["plan": "pro"], token: person.token)
                #expect(response.code == "insufficient-role" && response.headers["ratelimit"] == nil)
            }
            for _ in 0..<59 { _ = await app.call("POST", "/v1/training/predict/none", token: person.token) }
            let refused = await app.call("POST", "/v1/training/predict/none", token: person.token)
            #expect(refused.code == "rate-limited")
            #expect(refused.headers["retry-after"] == "1")
            app.clock.advance(by: .seconds(1))
            #expect(
                await app.call("POST", "/v1/training/predict/none", token: person.token).code
                    == "no-active-subscription")
        }
    }

    @Test func `a changed plan changes the rates`() async throws {
        try await withTestApp(.sqlite, change: { $0.limitsRates = true }) { app in
            let person = try await app.subscriber("free")
            try await app.put(person, on: "pro")
            app.clock.advance(by: .seconds(60))
            let response = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(response.headers["ratelimit-policy"]?.contains("q=300;w=60") == true, "\(response.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `entitlement checks have a rate of their own`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.subscriber("free")
            for _ in 0..<60 { _ = await app.call("GET", "/v1/auth/profile", token: person.token) }
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).code == "rate-limited")
            let question: JSONValue = ["meter": "uploads"]
            let answer = await app.call("POST", "/v1/entitlements/check", json: question, token: person.token)
            #expect(
                answer.status == 200 && answer.headers["ratelimit-policy"] == #""plan-checks";q=600;w=60"#,
                "\(answer.headers)")
            let reported = await app.call(
                "POST", "/v1/usage/events", json: ["id": "1", "meter": "uploads", "amount": 1],
                headers: try await app.serviceKey().headers(in: person.organisation))
            #expect(reported.status == 201 && reported.headers["x-ratelimit-remaining"] == "598", "\(reported)")
        }
    }

    @Test(arguments: Engine.available)
    func `changed rates apply to new subscriptions, and to running periods with applies_at_once`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let (person, administrator) = (try await app.subscriber("free"), try await app.administrator())
            func policy() async -> String? {
                await app.call("GET", "/v1/auth/profile", token: person.token).headers["ratelimit-policy"]
            }
            #expect(await policy() == #""plan-default-minute";q=60;w=60, "plan-default-hour";q=1000;w=3600"#)
            func change(_ rate: JSONValue, atOnce: Bool) async -> Int {
                let plan: JSONValue = [
                    "name": "Free", "start": "anyone", "rates": ["default": [rate]], "file_mb": 10, "storage_mb": 512,
                ]
                let change: JSONValue = ["plan": plan, "applies_at_once": .bool(atOnce)]
                return await app.call("PUT", "/v1/admin/plans/free", json: change, token: administrator.token).status
            }
            app.clock.advance(by: .seconds(1))
            #expect(await change("9/minute", atOnce: false) == 200)
            #expect(await policy()?.contains("q=60;w=60") == true, "the running period keeps its rates")
            let newcomer = try await app.subscriber("free", "newcomer")
            let newPolicy = await app.call("GET", "/v1/auth/profile", token: newcomer.token)
                .headers["ratelimit-policy"]
            #expect(newPolicy == #""plan-default";q=9;w=60"#, "a new subscription has the new rates")
            #expect(await change("7/30s burst 2", atOnce: true) == 200)
            let changed = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(changed.headers["ratelimit-policy"] == #""plan-default";q=7;w=30"#, "\(changed) \(changed.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `an API key takes from the rate of its organisation`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let created = await app.call(
                "POST", "/v1/auth/api-keys", json: ["name": "k", "scopes": ["*"]], token: person.token)
            let key = try #require(created["api_key"]?.string)
            let response = await app.call("GET", "/v1/auth/me", headers: ["X-API-Key": key])
            #expect(response.status == 200)
            #expect(
                response.headers["ratelimit"]?.hasPrefix(#""plan-default-minute";r=58;"#) == true, "\(response.headers)"
            )
        }
    }

    @Test(arguments: Engine.available)
    func `a route has rates of its own beside the plan's, with a cost per request`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let (one, two) = (try await app.register(), try await app.register())
            let (entitlements, member) = (app.app.entitlements, app.app.identity.member)
            let route = Route.get("tests/exports", "Export", requires: member) {
                _ in ExportPayload()
            }
            .guarded(by: entitlements.rate("exports", .perMinute(10), .perHour(12), cost: 4)).guarded(
                by: entitlements.rate())
            #expect(route.gate.map(\.tag) == ["member", "rate:exports", "rate:plan-default"])
            let dispatcher = RequestDispatcher(
                routes: [route], corsOrigins: [], metrics: app.app.metrics, logger: app.app.logger,
                runtime: Runtime(now: { app.clock.now }, randomBytes: Runtime.system.randomBytes))
            func send(_ person: TestPerson) async -> (status: Int, headers: [String: String]) {
                var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/v1/tests/exports")
                head.headerFields[.authorization] = "Bearer \(person.token)"
                let response = await dispatcher.respond(to: head, body: RequestBody(bytes: []), address: "192.0.2.1")
                return (
                    response.status.code,
                    Dictionary(response.headers.map { ($0.name.canonicalName, $0.value) }) { first, _ in first }
                )
            }
            for left in [(6, 8), (2, 4)] {
                let response = await send(one)
                #expect(response.status == 200)
                #expect(
                    response.headers["ratelimit"]?.contains(#""exports-minute";r=\#(left.0);"#) == true,
                    "\(response.headers)"
                )
                #expect(
                    response.headers["ratelimit"]?.contains(#""exports-hour";r=\#(left.1);"#) == true,
                    "\(response.headers)")
                #expect(
                    response.headers["x-ratelimit-remaining"] == "\(left.0)", "the rate with the fewest remaining units"
                )
            }
            // Two of four units are available; the other two are refilled in twelve seconds. The plan's rate is not
            // checked after the refusal.
            let refused = await send(one)
            #expect((refused.status, refused.headers["retry-after"]) == (429, "12"))
            #expect(refused.headers["ratelimit"]?.contains("plan-default") == false)
            #expect(await send(two).status == 200, "another organisation has its own units")
            app.clock.advance(by: .seconds(12))
            #expect(await send(one).status == 200)
            app.clock.advance(by: .seconds(60))
            let hour = await send(one)
            #expect(hour.status == 429)
            // Twelve units were taken, and an hour refills twelve: four in twenty minutes, of which 72 seconds have
            // passed.
            #expect(hour.headers["retry-after"] == "\(4 * 300 - 72)")
        }
    }

    @Test func `without rate limiting no header is sent, and the OpenAPI document is the same`() async throws {
        func document(_ isOn: Bool) async throws -> String {
            var text = ""
            try await withTestApp(.sqlite, change: { $0.limitsRates = isOn }) { app in
                text = await app.call("GET", "/openapi.json").text
                let response = await app.call("GET", "/v1/plans")
                #expect((response.headers["ratelimit"] != nil) == isOn)
            }
            return text
        }
        let (on, off) = (try await document(true), try await document(false))
        #expect(on == off)
        #expect(on.contains("`rate-limited`"))
        let json = try JSONValue(parsing: Array(on.utf8))
        for (path, method) in [("/v1/auth/login", "post"), ("/v1/auth/profile", "get"), ("/v1/plans", "get")] {
            #expect(json["paths"]?[path]?[method]?["responses"]?["429"] != nil, "\(path)")
        }
        #expect(json["paths"]?["/health"]?["get"]?["responses"]?["429"] == nil)
    }

    @Test(.enabled(if: TestRedis.isAvailable))
    func `two nodes share a limit through Redis; without Redis each is ready and has a share`() async throws {
        try await TestRedis.withServer { server in
            func change(_ configuration: inout Configuration) {
                configuration.limitsRates = true
                configuration.authenticationRequests = 8
                configuration.redisURL = "redis://127.0.0.1:\(server.port)"
            }
            try await withTestApp(.sqlite, change: change) { one in
                try await withTestApp(.sqlite, change: change) { two in
                    for turn in 0..<4 {
                        #expect(await login(one, "a\(turn)@example.org").status == 401)
                        #expect(await login(two, "b\(turn)@example.org").status == 401)
                    }
                    #expect(await login(one, "c@example.org").status == 429)
                    #expect(await login(two, "c@example.org").status == 429)
                    let ready = await one.call("GET", "/ready")
                    #expect((ready["status"]?.string, ready["redis"]?.string) == ("ready", "shared"))
                    server.stop()
                    let degraded = await one.call("GET", "/ready")
                    #expect(degraded.status == 200)
                    #expect((degraded["status"]?.string, degraded["redis"]?.string) == ("degraded", "away"))
                    var passed = 0
                    for turn in 0..<8 where await login(two, "d\(turn)@example.org", from: "203.0.113.9").status == 401
                    { passed += 1 }
                    #expect(passed == 2, "a share of the limit for four nodes, before the first heartbeat")
                }
            }
        }
    }
}

private struct ExportPayload: Payload {
    var done = true
}
