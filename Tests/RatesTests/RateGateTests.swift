import App
import Base
import Modules
import Rates
import TestKit
import Testing

/// Limits as clients meet them.
@Suite struct RateGateTests {
    private func login(_ app: TestApp, _ email: String = "nobody@example.org", from address: String = "192.0.2.1") async -> TestReply {
        await app.call("POST", "/v1/auth/login", json: ["email": .string(email), "password": "wrong password"], address: address)
    }

    @Test(arguments: Engine.available)
    func `too many tries of one network are refused, with when to come back, and others are not`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { ($0.limitsRates, $0.authenticationRequests, $0.authenticationWindow) = (true, 3, .seconds(30)) }) { app in
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
            #expect(refused.headers["x-ratelimit-reset"] == "\((app.clock.now + .seconds(30)).microseconds.wholeSeconds)")
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
            for host in 1...3 { #expect(await login(app, "target@example.org", from: "198.51.100.\(host)").status == 401) }
            let refused = await login(app, " Target@Example.org", from: "198.51.100.4")
            #expect(refused.status == 429)
            #expect(refused.headers["ratelimit"]?.contains(#""account";r=0"#) == true)
            #expect(await login(app, "other@example.org", from: "198.51.100.4").status == 401)
        }
    }

    @Test func `callers without a credential are limited by network, and made-up ones excuse nobody`() async throws {
        try await withTestApp(.sqlite, change: { ($0.limitsRates, $0.visitorRequests) = (true, 3) }) { app in
            let person = try await app.register()
            #expect(await app.call("GET", "/v1/plans").status == 200)
            #expect(await app.call("GET", "/v1/plans", token: "made up").status == 200, "the door does not look at it, so it counts like none")
            #expect(await app.call("GET", "/v1/plans", token: "made up").status == 429)
            #expect(await app.call("GET", "/v1/auth/profile").status == 429, "before it is asked who comes")
            #expect(await app.call("GET", "/v1/auth/profile", token: "made.up.token").status == 429)
            #expect(await app.call("GET", "/v1/auth/profile", token: "made.up.token", address: "192.0.2.77").status == 401)
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200, "who is signed in has other limits")
            #expect(await app.call("GET", "/health").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a plan's rates hold for an organisation, are told on success, and come before entitlement and after the role`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let person = try await app.register()
            let first = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(first.status == 200)
            #expect(first.headers["ratelimit-policy"] == #""plan-default-minute";q=60;w=60, "plan-default-hour";q=1000;w=3600"#)
            #expect(first.headers["ratelimit"] == #""plan-default-minute";r=59;t=1, "plan-default-hour";r=999;t=4"#)
            #expect((first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("60", "59"))
            // Refused for their role, calls take nothing.
            let id = "\(person.id)"
            for _ in 0..<3 {
                let reply = await app.call("POST", "/v1/payments/subscriptions/\(id)/adjust", json: ["plan": "pro"], token: person.token)
                #expect(reply.code == "insufficient-role" && reply.headers["ratelimit"] == nil)
            }
            for _ in 0..<59 { _ = await app.call("POST", "/v1/training/train-models/none", token: person.token) }
            let refused = await app.call("POST", "/v1/training/train-models/none", token: person.token)
            #expect(refused.code == "rate-limited")
            #expect(refused.headers["retry-after"] == "1")
            app.clock.advance(by: .seconds(1))
            #expect(await app.call("POST", "/v1/training/train-models/none", token: person.token).code == "no-active-subscription")
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

    @Test(.enabled(if: TestRedis.isAvailable)) func `two nodes share a limit through Redis, and without it each is ready and has less`() async throws {
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
                    for turn in 0..<8 where await login(two, "d\(turn)@example.org", from: "203.0.113.9").status == 401 { passed += 1 }
                    #expect(passed == 2, "a share of the limit, as for four nodes while nothing is known of others")
                }
            }
        }
    }
}
