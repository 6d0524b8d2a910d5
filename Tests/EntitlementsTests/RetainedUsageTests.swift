import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// The use of Free and of the trial outlives the account until its period ends.
@Suite struct RetainedUsageTests {
    private func register(_ app: TestApp, _ email: String) async throws -> QuotaFixture {
        QuotaFixture(app: app, person: try await app.register(address: email))
    }

    private func verify(_ quota: QuotaFixture) async throws {
        let token = try #require(try await quota.app.mail(to: quota.person.email).last { $0.token != nil }?.token)
        let response = await quota.app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)])
        #expect(response.status == 200, "\(response)")
    }

    /// Requests the erasure of the account and executes it, fourteen days later.
    private func erase(_ quota: QuotaFixture) async throws {
        let app = quota.app
        let requested = await app.call(
            "POST", "/v1/user/erasure", json: ["password": .string(TestApp.password)], token: quota.person.token)
        #expect(requested.status == 202, "\(requested)")
        app.clock.advance(by: .days(14))
        for _ in 1...3 {
            try await app.runJobs()
            app.clock.advance(by: .minutes(5))
        }
        try await app.runJobs()
        let rows = try await quota.count("people WHERE id = \(quota.person.id)")
        #expect(rows == 0)
    }

    @Test(arguments: Engine.available)
    func `an account of the same address continues the period of the erased one`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let email = "returning@example.org"
            let first = try await register(app, email)
            try await verify(first)
            let end = try await first.snapshot().period.end
            try await first.spend(try await first.charge(units: 5), "test:all")
            try await first.spend(try await first.charge(.processing, units: 2), "test:two")
            try await erase(first)
            #expect(try await first.count("buckets") == 0)
            // What is kept names neither the address nor the account.
            let kept = try await app.app.database.read {
                try $0.all("SELECT address_hash FROM retained_periods") { try $0["address_hash"] as String }
            }
            #expect(kept.count == 1 && kept[0].count == 64)

            let second = try await register(app, email)
            try await verify(second)
            let status = await second.get("/v1/payments/trial-status")
            #expect(status["is_active"] == false && status["has_been_used"] == true, "\(status)")
            #expect(
                await app.call("POST", "/v1/payments/start-trial", token: second.person.token).code == "trial-used")
            let free = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: second.person.token)
            #expect(free.status == 201 && free["period_end"] == .string(end.description), "\(free)")
            #expect(try await second.level() == [5, 0, 0])
            #expect(try await second.level(.processing) == [2, 0, 3])
            try await second.requireInvariants()

            // Another address is not affected, and with the period's end nothing is kept any more.
            let other = try await register(app, "other@example.org")
            _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: other.person.token)
            #expect(try await other.level() == [0, 0, 5])
            app.clock.advance(by: .days(30))
            try await app.app.entitlements.trials.settleAll()
            #expect(try await second.level() == [0, 0, 5])
            #expect(try await second.count("retained_periods") == 0)
            #expect(try await second.count("retained_units") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the use of a plan without payment in another organisation outlives the erasure`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let email = "returning@example.org"
            let first = try await register(app, email)
            try await verify(first)
            let created = await app.call(
                "POST", "/v1/organisations", json: ["name": "Second"], token: first.person.token)
            let second = try #require(created["id"]?.string, "\(created)")
            app.clock.advance(by: .hours(1))
            let free = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: first.person.token,
                headers: ["X-Organisation": second])
            #expect(free.status == 201, "\(free)")
            let corrected = await app.call(
                "POST", "/v1/admin/usage/\(second)/corrections",
                json: ["meter": "uploads", "units": 5, "reason": "used in a test"],
                token: try await app.administrator().token, headers: ["Idempotency-Key": "all"])
            #expect(corrected.status == 201, "\(corrected)")
            try await erase(first)

            let again = try await register(app, email)
            try await verify(again)
            #expect(
                await app.call("POST", "/v1/payments/start-trial", token: again.person.token).code == "trial-used")
            let start = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: again.person.token)
            #expect(start.status == 201 && start["period_end"] == free["period_end"], "\(start)")
            #expect(try await again.level() == [5, 0, 0])
            try await again.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `an account of an address that another one has left continues its period`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let (old, new) = ("old@example.org", "new@example.org")
            let first = try await register(app, old)
            try await verify(first)
            try await first.spend(try await first.charge(units: 5), "test:all")
            let requested = await app.call(
                "POST", "/v1/auth/change-email",
                json: ["new_email": .string(new), "password": .string(TestApp.password)], token: first.person.token)
            #expect(requested.status == 200, "\(requested)")
            #expect(try await first.count("retained_periods") == 0)
            let token = try #require(try await app.mail(to: new).last?.token)
            let changed = await app.call("POST", "/v1/auth/verify-email", json: ["token": .string(token)])
            #expect(changed.status == 200, "\(changed)")
            #expect(try await first.count("retained_units WHERE meter = 'uploads' AND units = 5") == 1)

            app.clock.advance(by: .minutes(2))
            let second = try await register(app, old)
            try await verify(second)
            let status = await second.get("/v1/payments/trial-status")
            #expect(status["is_active"] == false && status["has_been_used"] == true, "\(status)")
            let free = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: second.person.token)
            #expect(free.status == 201, "\(free)")
            #expect(try await second.level() == [5, 0, 0])
            try await second.requireInvariants()
            // The account itself keeps what it has, and with the period's end nothing is kept of the address.
            #expect(try await first.level()[0] == 5)
            app.clock.advance(by: .days(40))
            try await app.app.entitlements.trials.settleAll()
            #expect(try await second.count("retained_periods") == 0)
            #expect(try await second.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `nothing is kept of an address that was not verified`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.accessTokenLifetime = .days(800) }) { app in
            let first = try await register(app, "unverified@example.org")
            _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: first.person.token)
            try await first.spend(try await first.charge(units: 5), "test:all")
            try await erase(first)
            #expect(try await first.count("retained_periods") == 0)
            let second = try await register(app, "unverified@example.org")
            _ = await app.call("POST", "/v1/payments/subscribe", json: ["plan": "free"], token: second.person.token)
            #expect(try await second.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `closing an account keeps the use of its period`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let first = try await register(app, "closing@example.org")
            try await verify(first)
            try await first.spend(try await first.charge(units: 4), "test:four")
            let closed = await app.call(
                "DELETE", "/v1/user/profile?confirm=true", token: first.person.token)
            #expect(closed.status == 200, "\(closed)")
            #expect(try await first.count("retained_periods WHERE trial_ends_at IS NOT NULL") == 1)
            #expect(try await first.count("retained_units WHERE meter = 'uploads' AND units = 4") == 1)
            // A closing that is repeated, or refused, changes nothing.
            _ = await app.call("DELETE", "/v1/user/profile?confirm=true", token: first.person.token)
            #expect(try await first.count("retained_units") == 1)
        }
    }
}
