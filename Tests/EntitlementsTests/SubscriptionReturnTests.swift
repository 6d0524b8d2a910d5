import App
import Base
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Leaving a plan and coming back restores no units.
@Suite struct SubscriptionReturnTests {
    private func post(_ quota: QuotaFixture, _ path: String, _ json: JSONValue? = nil, _ token: String? = nil) async
        -> TestResponse
    {
        await quota.app.call("POST", "/v1/payments/\(path)", json: json, token: token ?? quota.person.token)
    }

    private func verify(_ quota: QuotaFixture) async throws {
        try await quota.database.write { [person = quota.person] in
            try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(person.id)")
        }
    }

    @Test(arguments: Engine.available)
    func `a plan that is cancelled at once and started again keeps its usage and its period`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            let end = try await quota.snapshot().period.end
            try await quota.spend(try await quota.charge(units: 5), "test:all")
            for _ in 1...2 {
                quota.app.clock.advance(by: .days(2))
                #expect(await post(quota, "cancel-subscription", ["immediate": true]).status == 200)
                let again = await post(quota, "subscribe", ["plan": "free"])
                #expect(again.status == 201 && again["period_end"] == .string(end.description), "\(again)")
                #expect(try await quota.level() == [5, 0, 0])
                await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            }
            // The trial continues the period too, and its own end is counted from its start.
            try await verify(quota)
            #expect(await post(quota, "cancel-subscription", ["immediate": true]).status == 200)
            let trial = await post(quota, "start-trial")
            #expect(trial.status == 201 && trial["days_remaining"] == 30, "\(trial)")
            #expect(try await quota.level() == [5, 0, 0])
            #expect(await quota.get("/v1/usage")["resets_at"] == .string(end.description))
            // So does a plan without payment that an administrator sets.
            #expect(await post(quota, "cancel-subscription", ["immediate": true]).status == 200)
            try await quota.app.put(quota.person, on: "free")
            #expect(try await quota.level() == [5, 0, 0])

            quota.app.clock.advance(by: end - quota.app.clock.now)
            #expect(try await quota.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `a trial that changes to Free keeps its usage, and a paid plan starts a period`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let quota = QuotaFixture(app: app, person: try await app.register())
            try await verify(quota)
            #expect(await post(quota, "start-trial").status == 201)
            let period = try await quota.snapshot().period
            try await quota.spend(try await quota.charge(units: 5), "test:all")
            app.clock.advance(by: .minutes(10))
            let changed = await post(quota, "upgrade", ["plan": "free"])
            #expect(
                changed.status == 200 && changed["status"] == "active" && changed["trial_ends_at"] == nil
                    && changed["period_end"] == .string(period.end.description), "\(changed)")
            #expect(try await quota.level() == [5, 0, 0])

            let other = QuotaFixture(app: app, person: try await app.register("other"))
            try await verify(other)
            #expect(await post(other, "start-trial").status == 201)
            try await other.spend(try await other.charge(units: 5), "test:all")
            app.clock.advance(by: .minutes(1))
            try await app.put(other.person, on: "pro")
            #expect(try await other.level() == [0, 0, 200])
            #expect(try await other.snapshot().period.start == app.clock.now)
            for fixture in [quota, other] { try await fixture.requireInvariants() }
        }
    }

    @Test(arguments: Engine.available)
    func `a downgrade without payment goes to Free alone`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let enterprise = QuotaFixture(
                app: quota.app, person: try await quota.app.subscriber("enterprise", "enterprise"))
            for (fixture, plan) in [
                (quota, "trial"), (enterprise, "trial"), (enterprise, "premium"), (enterprise, "student"),
            ] {
                let refused = await post(fixture, "downgrade", ["plan": .string(plan)])
                #expect(refused.status == 409 && refused.code == "conflict", "\(plan): \(refused)")
                let current = await fixture.get("/v1/payments/subscription")
                #expect(current["next_plan"] == nil, "\(current)")
                #expect(try await fixture.auditCount("subscription.downgrade-scheduled") == 0)
            }
            #expect(await post(quota, "downgrade", ["plan": "free"])["next_plan"] == "free")
            quota.app.clock.advance(by: .days(31))
            #expect(await quota.get("/v1/usage")["plan"] == "Free")
            #expect(await enterprise.get("/v1/usage")["plan"] == "Enterprise")
        }
    }

    @Test(arguments: Engine.available)
    func `other names of plan and cycle are accepted where they agree, and a free plan is monthly`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            for body in [
                ["tier": "free", "billing_cycle": "monthly"], ["plan_type": "free", "annual": false],
                ["plan": "free", "tier": "free", "plan_type": "free", "cycle": "monthly", "billing_cycle": "monthly"],
            ] as [JSONValue] {
                let quota = QuotaFixture(app: app, person: try await app.register())
                let adjust = "subscriptions/\(quota.person.id)/adjust"
                for (path, token) in [
                    ("subscribe", quota.person.token), ("upgrade", quota.person.token), (adjust, administrator.token),
                ] {
                    let response = await post(quota, path, body, token)
                    #expect(response.status < 300 && response["plan"]?["id"] == "free", "\(path): \(response)")
                }
                let paid: JSONValue = ["tier": "pro", "billing_cycle": "annual"]
                let adjusted = await post(quota, adjust, paid, administrator.token)
                #expect(adjusted["plan"]?["id"] == "pro" && adjusted["cycle"] == "yearly", "\(adjusted)")
                #expect(await post(quota, "downgrade", body)["next_plan"] == "free")
                // A change to a free plan ends the yearly cycle.
                #expect(await post(quota, "upgrade", ["plan": "free"])["cycle"] == "monthly")
            }
            let quota = QuotaFixture(app: app, person: try await app.register())
            let adjust = "subscriptions/\(quota.person.id)/adjust"
            for (body, pointer) in [
                ([:], "/plan"), (["plan": "free", "tier": "pro"], "/tier"),
                (["tier": "free", "plan_type": "pro"], "/plan_type"),
                (["plan": "free", "cycle": "monthly", "billing_cycle": "annual"], "/billing_cycle"),
                (["plan": "free", "billing_cycle": "monthly", "annual": true], "/annual"),
                (["plan": "free", "cycle": "yearly"], "/cycle"),
                (["tier": "free", "billing_cycle": "annual"], "/billing_cycle"),
                (["tier": "free", "annual": true], "/annual"), (["plan": "free", "amount": 1], "/amount"),
            ] as [(JSONValue, String)] {
                for (path, token) in [
                    ("subscribe", quota.person.token), ("upgrade", quota.person.token),
                    ("downgrade", quota.person.token), (adjust, administrator.token),
                ] {
                    let refused = await post(quota, path, body, token)
                    #expect(
                        refused.status == 422 && refused["errors"]?[0]?["pointer"] == .string(pointer),
                        "\(path) \(body): \(refused)")
                }
            }
            #expect(try await quota.count("subscriptions WHERE organisation_id = \(quota.organisation)") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the trial's status has the credits that are left`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(60) }) { app in
            let quota = QuotaFixture(app: app, person: try await app.register())
            try await verify(quota)
            #expect(await post(quota, "start-trial")["credits_remaining"] == 10)
            let charge = try await quota.entitlements.credits(3).check(
                Request(
                    method: .post, path: "/v1/test", headers: [.authorization: "Bearer \(quota.person.token)"],
                    requestID: "test-request", address: "192.0.2.1", received: app.clock.now))
            try await quota.database.write { [entitlements = quota.entitlements] in
                try entitlements.credits.spend(charge, operation: "test:spent", in: $0)
            }
            #expect(await quota.get("/v1/payments/trial-status")["credits_remaining"] == 7)
            app.clock.advance(by: .days(30))
            #expect(await quota.get("/v1/payments/trial-status")["credits_remaining"] == 0)
        }
    }
}
