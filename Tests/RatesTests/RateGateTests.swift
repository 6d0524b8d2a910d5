import App
import Base
import Entitlements
import HTTPTypes
import Identity
import Modules
import Rates
import TestKit
import Testing

/// Limits as clients meet them.
@Suite struct RateGateTests {
    private func login(_ app: TestApp, _ email: String = "nobody@example.org", from address: String = "192.0.2.1") async
        -> TestResponse
    {
        await app.call(
            "POST", "/v1/auth/login", json: ["email": .string(email), "password": "wrong password"], address: address)
    }

    @Test(arguments: Engine.available)
    func `too many tries of one network are refused, with when to come back, and others are not`(_ engine: Engine)
        async throws
    {
        try await withTestApp(
            engine,
            change: { ($0.limitsRates, $0.authenticationRequests, $0.authenticationWindow) = (true, 3, .seconds(30)) }
        ) { app in
            for left in (0..<3).reversed() {
                let reply = await login(app, "a\(left)@example.org")
                #expect(reply.status == 401)
                #expect(reply.headers["x-ratelimit-remaining"] == "\(left)")
            }
            let refused = await login(app, "another@example.org")
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
            // Before anything of the body is looked at, and at all doors of the kind together.
            #expect(await app.call("POST", "/v1/auth/register", body: ("text/plain", [1, 2, 3])).status == 429)
            #expect(await login(app, "someone@example.org", from: "192.0.2.2").status == 401)
            app.clock.advance(by: .seconds(9))
            #expect(await login(app, "third@example.org").status == 429)
            app.clock.advance(by: .seconds(1))
            #expect(await login(app, "third@example.org").status == 401)
            #expect(await login(app, "third@example.org").status == 429)
            let metrics = await app.call("GET", "/metrics").text
            #expect(metrics.contains(#"gatehouse_rate_checks_total{limit="authentication",outcome="refused"} 4"#))
        }
    }

    @Test func `an IPv6 customer is one network, however many addresses there are in it`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 2) }) { app in
            #expect(await login(app, "a@example.org", from: "2001:db8:0:1::1").status == 401)
            #expect(await login(app, "b@example.org", from: "2001:db8:0:1:ffff::2").status == 401)
            #expect(await login(app, "c@example.org", from: "2001:db8:0:1::3").status == 429)
            #expect(await login(app, "c@example.org", from: "2001:db8:0:2::3").status == 401)
        }
    }

    @Test func `tries at one account are counted wherever they come from`() async throws {
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
    func `strangers who try an account from everywhere do not keep its owner out of where they were before`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 3) }) { app in
            let owner = try await app.register()
            for host in 1...3 { _ = await login(app, owner.email, from: "198.51.100.\(host)") }
            #expect(await login(app, owner.email, from: "198.51.100.4").status == 429)
            let password: JSONValue = ["email": .string(owner.email), "password": .string(owner.password)]
            let elsewhere = await app.call("POST", "/v1/auth/login", json: password, address: "198.51.100.5")
            #expect(elsewhere.status == 429, "the right password, from where nobody knows them")
            let home = await app.call("POST", "/v1/auth/login", json: password)
            #expect(home.status == 200 && home.headers["ratelimit"]?.contains(#""account";r=0"#) == true, "\(home)")
        }
    }

    @Test func `doors at which there is nothing to guess are limited as other open doors are`() async throws {
        try await withTestApp(
            .sqlite, change: { ($0.limitsRates, $0.authenticationRequests, $0.visitorRequests) = (true, 2, 12) }
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

    @Test func `callers without a credential are limited by network, and made-up ones excuse nobody`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.visitorRequests) = (true, 3) }) { app in
            let person = try await app.register()
            #expect(await app.call("GET", "/v1/plans").status == 200)
            #expect(
                await app.call("GET", "/v1/plans", token: "made up").status == 200,
                "the door does not look at it, so it counts like none")
            #expect(await app.call("GET", "/v1/plans", token: "made up").status == 429)
            #expect(await app.call("GET", "/v1/auth/profile").status == 429, "before it is asked who comes")
            #expect(await app.call("GET", "/v1/auth/profile", token: "made.up.token").status == 429)
            #expect(
                await app.call("GET", "/v1/auth/profile", token: "made.up.token", address: "192.0.2.77").status == 401)
            #expect(
                await app.call("GET", "/v1/auth/profile", token: person.token).status == 200,
                "who is signed in has other limits")
            #expect(await app.call("GET", "/health").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a plan's rates hold for an organisation, are told on success, and come before entitlement and after the role`(
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
            // Refused for their role, calls take nothing.
            let id = "\(person.id)"
            for _ in 0..<3 {
                let reply = await app.call(
                    "POST", "/v1/payments/subscriptions/\(id)/adjust", json: ["plan": "pro"], token: person.token)
                #expect(reply.code == "insufficient-role" && reply.headers["ratelimit"] == nil)
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

    @Test func `a plan with other rates has them`() async throws {
        try await withTestApp(.sqlite, change: { $0.limitsRates = true }) { app in
            let person = try await app.subscriber("free")
            try await app.put(person, on: "pro")
            app.clock.advance(by: .seconds(60))
            let reply = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(reply.headers["ratelimit-policy"]?.contains("q=300;w=60") == true, "\(reply.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `products elsewhere ask at a rate of their own`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.subscriber("free")
            for _ in 0..<60 { _ = await app.call("GET", "/v1/auth/profile", token: person.token) }
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).code == "rate-limited")
            let question: JSONValue = ["meter": "uploads"]
            let answer = await app.call("POST", "/v1/entitlements/check", json: question, token: person.token)
            #expect(
                answer.status == 200 && answer.headers["ratelimit-policy"] == #""plan-checks";q=600;w=60"#,
                "\(answer.headers)")
            let told = await app.call(
                "POST", "/v1/usage/events", json: ["id": "1", "meter": "uploads", "amount": 1], token: person.token)
            #expect(told.status == 201 && told.headers["x-ratelimit-remaining"] == "598", "\(told) \(told.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `whoever changes a plan's rates changes them for running periods too, if told so`(_ engine: Engine)
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
            #expect(await policy()?.contains("q=60;w=60") == true, "the period keeps its terms")
            let newcomer = try await app.subscriber("free", "newcomer")
            let theirs = await app.call("GET", "/v1/auth/profile", token: newcomer.token).headers["ratelimit-policy"]
            #expect(
                theirs == #""plan-default";q=9;w=60"#, "whoever comes to the plan has its new rates with the next call")
            #expect(await change("7/30s burst 2", atOnce: true) == 200)
            let changed = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(changed.headers["ratelimit-policy"] == #""plan-default";q=7;w=30"#, "\(changed) \(changed.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `an API key is its organisation's, and takes of the same rate`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let made = await app.call(
                "POST", "/v1/auth/api-keys", json: ["name": "k", "scopes": ["*"]], token: person.token)
            let key = try #require(made["api_key"]?.string)
            let reply = await app.call("GET", "/v1/auth/me", headers: ["X-API-Key": key])
            #expect(reply.status == 200)
            #expect(reply.headers["ratelimit"]?.hasPrefix(#""plan-default-minute";r=58;"#) == true, "\(reply.headers)")
        }
    }

    @Test(arguments: Engine.available)
    func `a door has rates of its own beside the plan's, with a cost for each call`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let (one, two) = (try await app.register(), try await app.register())
            let (entitlements, member) = (app.app.entitlements, app.app.identity.member)
            let door = Route.get("tests/exports", "Ten a minute and twelve an hour, four at a time", requires: member) {
                _ in Done()
            }
            .guarded(by: entitlements.rate("exports", .perMinute(10), .perHour(12), cost: 4)).guarded(
                by: entitlements.rate())
            #expect(door.gate.map(\.tag) == ["member", "rate:exports", "rate:plan-default"])
            let front = RequestDispatcher(
                routes: [door], corsOrigins: [], metrics: app.app.metrics, logger: app.app.logger,
                runtime: Runtime(now: { app.clock.now }, randomBytes: Runtime.system.randomBytes))
            func call(_ person: TestPerson) async -> (status: Int, headers: [String: String]) {
                var head = HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/v1/tests/exports")
                head.headerFields[.authorization] = "Bearer \(person.token)"
                let reply = await front.respond(to: head, body: RequestBody(bytes: []), address: "192.0.2.1")
                return (
                    reply.status.code,
                    Dictionary(reply.headers.map { ($0.name.canonicalName, $0.value) }) { first, _ in first }
                )
            }
            for left in [(6, 8), (2, 4)] {
                let reply = await call(one)
                #expect(reply.status == 200)
                #expect(
                    reply.headers["ratelimit"]?.contains(#""exports-minute";r=\#(left.0);"#) == true, "\(reply.headers)"
                )
                #expect(
                    reply.headers["ratelimit"]?.contains(#""exports-hour";r=\#(left.1);"#) == true, "\(reply.headers)")
                #expect(
                    reply.headers["x-ratelimit-remaining"] == "\(left.0)", "of all rates the one with the least left")
            }
            // Two of four units are there; the other two come within twelve seconds. The plan's rate is not asked any more.
            let refused = await call(one)
            #expect((refused.status, refused.headers["retry-after"]) == (429, "12"))
            #expect(refused.headers["ratelimit"]?.contains("plan-default") == false)
            #expect(await call(two).status == 200, "another organisation has its own")
            app.clock.advance(by: .seconds(12))
            #expect(await call(one).status == 200)
            app.clock.advance(by: .seconds(60))
            let hour = await call(one)
            #expect(hour.status == 429)
            // Twelve were taken, and an hour brings twelve: four of them in twenty minutes, of which 72 seconds have passed.
            #expect(hour.headers["retry-after"] == "\(4 * 300 - 72)")
        }
    }

    @Test func `switched off there are no limits, and the documents are the same`() async throws {
        func document(_ isOn: Bool) async throws -> String {
            var text = ""
            try await withTestApp(.sqlite, change: { $0.limitsRates = isOn }) { app in
                text = await app.call("GET", "/openapi.json").text
                let reply = await app.call("GET", "/v1/plans")
                #expect((reply.headers["ratelimit"] != nil) == isOn)
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
    func `two nodes share a limit through Redis, and without it each is ready and has less`() async throws {
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
                    #expect(passed == 2, "a share of the limit, as for four nodes while nothing is known of others")
                }
            }
        }
    }
}

private struct Done: Payload {
    var done = true
}
