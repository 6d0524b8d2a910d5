import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct TrialTests {
    /// A person with a verified e-mail address and without a subscription.
    private func verified(_ app: TestApp) async throws -> TestPerson { try await app.register() }

    private func settle(_ app: TestApp) async throws {
        _ = try await app.app.database.write { [queue = app.app.queue] in
            try queue.enqueue(SettleSubscriptionsJob(), in: $0)
        }
        try await app.runJobs()
    }

    @Test(arguments: Engine.available)
    func `a trial is started once per account, with a verified e-mail address`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let unsubscribed = try await app.register("unsubscribed", isVerified: false)
            let early = await app.call("POST", "/v1/payments/start-trial", token: unsubscribed.token)
            #expect(early.status == 403 && early.code == "email-not-verified")
            let person = try await verified(app)
            #expect(
                await app.call("GET", "/v1/payments/trial-status", token: person.token).json == [
                    "is_active": false, "has_been_used": false, "days_remaining": 0, "credits_remaining": 0,
                ])
            let started = await app.call("POST", "/v1/payments/start-trial", token: person.token)
            #expect(started.status == 201 && started["days_remaining"]?.integer == 30, "\(started)")
            #expect(started["credits_remaining"]?.integer == 10, "\(started)")
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"]?.string == "Trial")
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).code == "trial-used")
            #expect(
                await app.call("POST", "/v1/payments/subscribe", json: ["plan": "trial"], token: person.token).status
                    == 402)
            app.clock.advance(by: .days(30))
            #expect(await app.call("GET", "/v1/usage", token: person.token).code == "no-active-subscription")
            try await settle(app)
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).code == "trial-used")
            #expect(
                await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token).status
                    == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `verifying the e-mail address starts the trial`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let token = try #require(try await app.mail(to: person.email).last?.token)
            #expect(await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)]).status == 200)
            let status = await app.call("GET", "/v1/payments/trial-status", token: person.token)
            #expect(status["is_active"]?.bool == true && status["days_remaining"]?.integer == 30, "\(status)")
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"]?.string == "Trial")
            let count = try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM trials") }
            #expect(count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent requests one starts the trial`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await verified(app)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { await app.call("POST", "/v1/payments/start-trial", token: person.token).status }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 409: 7])
        }
    }

    @Test(arguments: Engine.available)
    func `a trial is not consumed while another plan is active`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await verified(app)
            _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: person.token)
            #expect(
                await app.call("POST", "/v1/payments/start-trial", token: person.token).code == "already-subscribed")
            #expect(
                await app.call(
                    "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: person.token
                ).status == 200)
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `warnings are mailed once each seven, three and one day before the end, and at the end`(engine: Engine)
        async throws
    {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let person = try await verified(app)
            #expect(await app.call("POST", "/v1/payments/start-trial", token: person.token).status == 201)
            var seen: [Int] = []
            app.clock.advance(by: .days(21))
            for day in 22...32 {
                app.clock.advance(by: .days(1))
                // A second run, such as on another node, sends nothing.
                for _ in 1...2 { try await settle(app) }
                let count = try await app.mail(to: person.email).filter { $0.text.contains("trial") }.count
                if count > seen.count { seen += Array(repeating: day, count: count - seen.count) }
            }
            #expect(seen == [23, 27, 29, 30])
            let audited = try await app.app.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM audit_events WHERE action = 'subscription.ended'")
            }
            #expect(audited == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `after days without a run only the nearest warning is mailed`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let person = try await verified(app)
            _ = await app.call("POST", "/v1/payments/start-trial", token: person.token)
            app.clock.advance(by: .days(28))
            try await settle(app)
            #expect(try await app.mail(to: person.email).filter { $0.text.contains("trial") }.count == 1)
            // After an extension by an administrator the new end gets its own warnings.
            let administrator = try await app.administrator()
            let path = "/v1/payments/subscriptions/\(person.id)/extend-trial"
            let extended = await app.call("POST", path, json: ["days": 10], token: administrator.token)
            #expect(extended.status == 200 && extended["status"]?.string == "trialing")
            try await settle(app)
            #expect(try await app.mail(to: person.email).filter { $0.text.contains("trial") }.count == 1)
            app.clock.advance(by: .days(11))
            try await settle(app)
            #expect(try await app.mail(to: person.email).filter { $0.text.contains("trial") }.count == 2)
            #expect(await app.call("POST", path, json: ["days": 0], token: administrator.token).status == 422)
            #expect(await app.call("POST", path, json: ["days": 3], token: person.token).code == "insufficient-role")
        }
    }

    @Test(arguments: Engine.available)
    func `a downgrade and a cancellation take effect at the end of the period`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "pro") { quota in
            let (app, token) = (quota.app, quota.person.token)
            try await quota.spend(try await quota.charge(units: 40), "test:many")
            #expect(
                await app.call("POST", "/v1/payments/downgrade", json: ["plan": "enterprise"], token: token).code
                    == "conflict")
            let scheduled = await app.call("POST", "/v1/payments/downgrade", json: ["plan": "free"], token: token)
            #expect(
                scheduled["next_plan"]?.string == "free" && scheduled["plan"]?["id"]?.string == "pro", "\(scheduled)")
            #expect(try await quota.level() == [40, 0, 160])
            app.clock.advance(by: .days(28))
            #expect(try await quota.level() == [0, 0, 5])
            try await settle(app)
            let present = await app.call("GET", "/v1/payments/subscription", token: token)
            #expect(present["plan"]?["id"]?.string == "free" && present["next_plan"] == nil)
            let cancelled = await app.call("POST", "/v1/payments/cancel-subscription", json: [:], token: token)
            #expect(cancelled["cancel_at"]?.string == present["period_end"]?.string)
            #expect(await app.call("POST", "/v1/payments/resumption", token: token)["cancel_at"] == nil)
            #expect(await app.call("POST", "/v1/payments/resumption", token: token).code == "subscription-state")
            #expect(
                await app.call("POST", "/v1/payments/upgrade", json: ["plan": "pro"], token: token).code
                    == "payment-required")
        }
    }

    @Test(arguments: Engine.available)
    func `subscriptions of all accounts are readable by administrators only`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (free, pro) = (try await app.subscriber("free"), try await app.subscriber("pro"))
            let administrator = try await app.administrator()
            let all = await app.call("GET", "/v1/payments/subscriptions", token: administrator.token)
            #expect(
                all["total"]?.integer == 2
                    && Set(all["data"]?.array?.compactMap { $0["user_id"]?.string } ?? []) == [
                        free.id.text, pro.id.text,
                    ])
            let some = await app.call(
                "GET", "/v1/payments/subscriptions?plan=pro&status=active&limit=1", token: administrator.token)
            #expect(some["total"]?.integer == 1 && some["data"]?[0]?["user_id"]?.string == pro.id.text)
            let one = await app.call("GET", "/v1/payments/subscriptions/\(free.id)", token: administrator.token)
            #expect(one["plan"]?["id"]?.string == "free")
            let later: JSONValue = ["plan": "free", "takes_effect": "period_end"]
            let adjusted = await app.call(
                "POST", "/v1/payments/subscriptions/\(pro.id)/adjust", json: later, token: administrator.token)
            #expect(adjusted["plan"]?["id"]?.string == "pro" && adjusted["next_plan"]?.string == "free")
            for path in ["/v1/payments/subscriptions", "/v1/payments/subscriptions/\(pro.id)"] {
                #expect(await app.call("GET", path, token: free.token).code == "insufficient-role")
            }
            let unknown = try await app.register("unknown")
            #expect(
                await app.call("GET", "/v1/payments/subscriptions/\(unknown.id)", token: administrator.token).status
                    == 404)
        }
    }
}
