import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct SubscriptionTests {
    @Test(arguments: Engine.available)
    func `the free plan is started once`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let quota = QuotaFixture(app: app, person: person)
            let started = await app.call("POST", "/api/payments/subscribe", json: ["plan": "free"], token: person.token)
            #expect(started.status == 201)
            #expect(started["plan"]?["name"]?.string == "Free")
            #expect(started["status"]?.string == "active")
            #expect(started["period_start"]?.string == "2026-01-31T12:00:00Z")
            #expect(started["period_end"]?.string == "2026-02-28T12:00:00Z")
            for _ in 0..<2 {
                let again = await app.call(
                    "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token)
                #expect(again.status == 409 && again.code == "already-subscribed")
            }
            let present = await app.call("GET", "/v1/payments/subscription", token: person.token)
            #expect(present.status == 200 && present["plan"]?["id"]?.string == "free")
            #expect(try await quota.auditCount("subscription.started") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent requests one starts the plan`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token)
                            .status
                    }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 409: 11])
        }
    }

    @Test(arguments: Engine.available)
    func `a paid plan is 402, an unknown plan 404, and neither writes a row`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let enterprise: JSONValue = ["plan": "enterprise"]
            let paid = await app.call("POST", "/v1/payments/subscribe", json: enterprise, token: person.token)
            #expect(paid.status == 402 && paid.code == "payment-required" && paid["plan"]?.string == "Enterprise")
            let unknown = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "gold"], token: person.token)
            #expect(unknown.status == 404 && unknown.code == "plan-not-found")
            for body: JSONValue in [[:], ["plan": ""], ["plan": 7], ["plan": "free", "price": 0]] {
                #expect(await app.call("POST", "/v1/payments/subscribe", json: body, token: person.token).status == 422)
            }
            #expect(await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"]).status == 401)
            let count = try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM subscriptions") }
            #expect(count == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `only an administrator assigns a plan`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let path = "/v1/payments/subscriptions/\(person.id)/adjust"
            for token in [person.token, other.token] {
                let refused = await app.call("POST", path, json: ["plan": "pro"], token: token)
                #expect(refused.status == 403 && refused.code == "insufficient-role")
            }
            #expect(await app.call("POST", path, json: ["plan": "pro"]).status == 401)
            #expect(await app.call("GET", "/v1/usage", token: person.token).code == "no-active-subscription")

            let administrator = try await app.administrator()
            let adjusted = await app.call("POST", path, json: ["plan": "pro"], token: administrator.token)
            #expect(adjusted.status == 200 && adjusted["plan"]?["name"]?.string == "Pro")
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"]?.string == "Pro")
            #expect(await app.call("GET", "/v1/usage", token: other.token).status == 403)
            #expect(try await QuotaFixture(app: app, person: person).auditCount("subscription.adjusted") == 1)

            let gold = await app.call("POST", path, json: ["plan": "gold"], token: administrator.token)
            #expect(gold.status == 404 && gold.code == "plan-not-found")
            let unknownPath = "/v1/payments/subscriptions/00000000-0000-7000-8000-000000000000/adjust"
            #expect(
                await app.call("POST", unknownPath, json: ["plan": "pro"], token: administrator.token).status == 404)
            #expect(
                await app.call(
                    "POST", "/v1/payments/subscriptions/malformed/adjust", json: ["plan": "pro"],
                    token: administrator.token
                ).status == 404)
        }
    }

    @Test func `without a subscription the response is the complete problem`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let refused = await app.call(
                "GET", "/v1/usage", token: person.token, headers: ["X-Request-ID": "request-0001"])
            #expect(refused.status == 403)
            #expect(refused.headers["content-type"] == "application/problem+json; charset=utf-8")
            #expect(
                refused.json == [
                    "type": "/problems/no-active-subscription", "title": "No active subscription",
                    "error": "No active subscription", "status": 403,
                    "code": "no-active-subscription", "request_id": "request-0001",
                    "detail":
                        "Start a plan first: POST /v1/payments/subscribe with {\"plan\": \"free\"} needs no payment.",
                ]
            )
            // The gate refuses before it validates the body or the id in the path.
            for path in [
                "/api/training/train-models/test123", "/api/training/generate-datasets/test123",
                "/api/training/upload-chunk", "/api/training/predict/x",
            ] {
                let early = await app.call("POST", path, json: "no object", token: person.token)
                #expect(early.status == 403 && early["error"]?.string == "No active subscription", "\(path)")
            }
        }
    }

    @Test func `a feature outside of the plan is refused with the complete problem`() async throws {
        try await withTestApp(.sqlite) { app in
            for (plan, name) in [("free", "Free"), ("basic", "Basic")] {
                let person = try await app.subscriber(plan)
                let refused = await app.call(
                    "POST", "/api/training/train-models/test123", json: 7, token: person.token,
                    headers: ["X-Request-ID": "request-0002"])
                #expect(refused.status == 403)
                #expect(
                    refused.json == [
                        "type": "/problems/feature-not-available", "title": "Training not available",
                        "error": "Training not available", "status": 403,
                        "code": "feature-not-available", "request_id": "request-0002", "plan": .string(name),
                        "feature": "training",
                        "detail": .string("The plan \(name) does not include this. Change the plan to use it."),
                    ]
                )
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an exhausted quota is refused with the complete problem`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            for number in 1...3 { try await quota.spend(try await quota.charge(.processing), "test:\(number)") }
            for _ in 1...2 { try await quota.reserve(try await quota.charge(.processing)) }
            let path = "/api/training/generate-datasets/test123"
            let refused = await quota.app.call(
                "POST", path, json: 7, token: quota.person.token, headers: ["X-Request-ID": "request-0003"])
            #expect(refused.status == 403)
            #expect(
                refused.json == [
                    "type": "/problems/quota-exceeded", "title": "Processing limit reached",
                    "error": "Processing limit reached", "status": 403,
                    "code": "quota-exceeded", "request_id": "request-0003", "plan": "Free", "limit": 5,
                    "current_usage": 5,
                    "resets_at": "2026-02-28T12:00:00Z",
                    "detail":
                        .string(
                            "All 5 of this period are used or reserved for work in progress. "
                                + "The next period begins at 2026-02-28T12:00:00Z."),
                ]
            )
        }
    }

    @Test(arguments: Engine.available)
    func `usage contains used, held and remaining units`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            try await quota.spend(try await quota.charge(.processing, units: 3), "test:a")
            try await quota.reserve(try await quota.charge(.processing, units: 4))
            try await quota.commit(try await quota.reserve(try await quota.charge(.trainingRuns)))
            let usage = await quota.app.call("GET", "/api/usage", token: quota.person.token)
            #expect(usage.status == 200)
            #expect(
                usage.json == [
                    "plan": "Enterprise", "period_start": "2026-01-31T12:00:00Z", "resets_at": "2026-02-28T12:00:00Z",
                    "meters": [
                        "uploads": [
                            "limit": 999, "used": 0, "held": 0, "remaining": 999, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                        "processing": [
                            "limit": 999, "used": 3, "held": 4, "remaining": 992, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                        "training_runs": [
                            "limit": -1, "used": 1, "held": 0, "remaining": -1, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                        "workflows": [
                            "limit": -1, "used": 0, "held": 0, "remaining": -1, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                        "iterations": [
                            "limit": -1, "used": 0, "held": 0, "remaining": -1, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                        "tokens": [
                            "limit": -1, "used": 0, "held": 0, "remaining": -1, "resets_at": "2026-02-28T12:00:00Z",
                        ],
                    ],
                    "storage": ["limit": 107_374_182_400, "used": 0, "held": 0, "remaining": 107_374_182_400],
                ]
            )
            let payments = await quota.app.call("GET", "/api/payments/usage", token: quota.person.token)
            for member in ["plan", "period_start", "resets_at", "meters", "storage"] {
                #expect(payments[member] == usage[member], "\(member)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a change of plan changes the limit at once and keeps the usage`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            for number in 1...5 { try await quota.spend(try await quota.charge(), "test:\(number)") }
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            quota.app.clock.advance(by: .days(10))
            try await quota.app.put(quota.person, on: "basic")
            #expect(try await quota.level() == [5, 0, 45])
            // The period is unchanged.
            let view = await quota.app.call("GET", "/v1/payments/subscription", token: quota.person.token)
            #expect(
                view["started_at"]?.string == "2026-01-31T12:00:00Z"
                    && view["period_end"]?.string == "2026-02-28T12:00:00Z")
            try await quota.spend(try await quota.charge(units: 40), "test:many")
            // A smaller plan keeps the usage above its limit and refuses further units.
            try await quota.app.put(quota.person, on: "free")
            #expect(try await quota.level() == [45, 0, 0])
            let refused = await problem { _ = try await quota.charge() }
            #expect(refused?.members["current_usage"] == 45 && refused?.members["limit"] == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `a new period starts with no usage, and pending work is charged to its own period`(engine: Engine) async throws
    {
        try await withQuotaFixture(engine) { quota in
            for number in 1...5 { try await quota.spend(try await quota.charge(), "test:\(number)") }
            let pending = try await quota.reserve(try await quota.charge(.processing))
            // 28 February, a microsecond before noon.
            quota.app.clock.advance(by: .days(28) - .microseconds(1))
            #expect(try await quota.level() == [5, 0, 0])
            quota.app.clock.advance(by: .microseconds(1))
            #expect(try await quota.level() == [0, 0, 5])
            #expect(try await quota.level(.processing) == [0, 0, 5])
            #expect(
                await quota.app.call("GET", "/v1/usage", token: quota.person.token)["resets_at"]?.string
                    == "2026-03-31T12:00:00Z")
            try await quota.spend(try await quota.charge(), "test:new")
            // Work that started in the old period is charged there.
            try await quota.commit(pending)
            #expect(try await quota.level(.processing) == [0, 0, 5])
            #expect(try await quota.level() == [1, 0, 4])
        }
    }
}
