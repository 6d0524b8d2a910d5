import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// What a node keeps in memory of a subscription never admits what the current terms do not.
@Suite struct EntitlementCacheTests {
    private static let path = "/v1/entitlements/reservations"
    private let workflows = Meter("workflows", title: "Workflow")

    private func reserve(_ app: TestApp, _ quota: QuotaFixture, _ operation: String, _ units: Int64) async throws
        -> TestResponse
    {
        await app.call(
            "POST", Self.path,
            json: ["meter": "workflows", "units": .integer(units), "operation": .string(operation)],
            headers: try await quota.service())
    }

    private func adjust(_ quota: QuotaFixture, to plan: String, as administrator: TestPerson) async {
        let response = await quota.app.call(
            "POST", "/v1/payments/subscriptions/\(quota.person.id)/adjust", json: ["plan": .string(plan)],
            token: administrator.token)
        #expect(response.status == 200, "\(response)")
    }

    @Test(arguments: Engine.available)
    func `a change on one node holds for the next reservation on another, without a notification`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let administrator = try await quota.app.administrator()
            // It is not run: it gets no notifications and polls nothing.
            let node = try await buildApp(quota.app.app.configuration, in: quota.dependencies)
            let other = TestApp(app: node, clock: quota.app.clock, engine: engine, log: quota.app.log)
            #expect(try await reserve(other, quota, "before", 1).status == 201)

            await adjust(quota, to: "student", as: administrator)
            let refused = try await reserve(other, quota, "too much", 100)
            #expect(
                refused.status == 403 && refused.code == "quota-exceeded" && refused["plan"] == "Student"
                    && refused["limit"] == 100, "\(refused)")
            #expect(try await reserve(other, quota, "fits", 99).status == 201)

            let document: JSONValue = [
                "name": "Student", "start": "anyone", "limits": ["workflows": 120], "file_mb": 10, "storage_mb": 512,
            ]
            let changed = await quota.app.call(
                "PUT", "/v1/admin/plans/student", json: ["plan": document, "applies_at_once": true],
                token: administrator.token)
            #expect(changed.status == 200, "\(changed)")
            #expect(try await reserve(other, quota, "beyond", 21).code == "quota-exceeded")
            #expect(try await reserve(other, quota, "more", 20).status == 201)

            _ = await quota.app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: quota.person.token)
            let ended = try await reserve(other, quota, "ended", 1)
            #expect(ended.status == 403 && ended.code == "no-active-subscription", "\(ended)")
            #expect(try await quota.count("reservations WHERE state = 'held'") == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a feature follows a change of the same node at once, and one of another node within a second`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let administrator = try await quota.app.administrator()
            let node = try await buildApp(quota.app.app.configuration, in: quota.dependencies)
            let other = TestApp(app: node, clock: quota.app.clock, engine: engine, log: quota.app.log)
            let elsewhere = QuotaFixture(app: other, person: quota.person)
            let training = Feature("training", title: "Training")
            func refusal(_ quota: QuotaFixture) async -> Problem.Kind? {
                await problem { _ = try await quota.entitlements.feature(training).check(quota.request()) }?.kind
            }
            for node in [quota, elsewhere] { #expect(await refusal(node) == .featureNotAvailable) }
            await adjust(quota, to: "enterprise", as: administrator)
            #expect(await refusal(quota) == nil)
            quota.app.clock.advance(by: EntitlementCache.recentLifetime)
            #expect(await refusal(elsewhere) == nil)
            await adjust(quota, to: "student", as: administrator)
            #expect(await refusal(quota) == .featureNotAvailable)
            quota.app.clock.advance(by: EntitlementCache.recentLifetime)
            #expect(await refusal(elsewhere) == .featureNotAvailable)
        }
    }

    @Test(arguments: Engine.available)
    func `usage follows this node at once and another node within a second, and is read from memory else`(
        engine: Engine
    ) async throws {
        let counter = CountingDatabase.Counter()
        try await withTestApp(engine, databaseWrapper: { CountingDatabase($0, counter) }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let administrator = try await app.administrator()
            let node = try await buildApp(app.app.configuration, in: quota.dependencies)
            let other = TestApp(app: node, clock: app.clock, engine: engine, log: app.log)
            let elsewhere = QuotaFixture(app: other, person: quota.person)
            for node in [quota, elsewhere] { #expect(try await node.level(workflows) == [0, 0, 100]) }
            let reads = counter.reads
            #expect(try await quota.level(workflows) == [0, 0, 100])
            #expect(counter.reads == reads)

            // Every way to change a bucket.
            let charge = try await quota.charge(workflows, units: 2)
            try await quota.spend(charge, "test:spent")
            #expect(try await quota.level(workflows) == [2, 0, 98])
            let (first, second) = (try await quota.reserve(charge), try await quota.reserve(charge))
            #expect(try await quota.level(workflows) == [2, 4, 94])
            try await quota.commit(first)
            #expect(try await quota.level(workflows) == [4, 2, 94])
            try await quota.release(second)
            #expect(try await quota.level(workflows) == [4, 0, 96])
            #expect(try await reserve(app, quota, "remote", 3).status == 201)
            #expect(try await quota.level(workflows) == [4, 3, 93])
            #expect(try await quota.report(event("e", 5, meter: "workflows")).status == 201)
            #expect(try await quota.level(workflows) == [9, 3, 88])
            let corrected = await app.call(
                "POST", "/v1/admin/usage/\(quota.organisation)/corrections",
                json: ["meter": "workflows", "units": -4, "reason": "counted twice"], token: administrator.token,
                headers: ["Idempotency-Key": "test-correction"])
            #expect(corrected.status == 201, "\(corrected)")
            #expect(try await quota.level(workflows) == [5, 3, 92])
            await adjust(quota, to: "enterprise", as: administrator)
            #expect(await quota.get("/v1/usage")["plan"] == "Enterprise")

            #expect(try await elsewhere.level(workflows) == [0, 0, 100])
            app.clock.advance(by: SnapshotCache.lifetime)
            #expect(try await elsewhere.level(workflows)[0] == 5)
            #expect(await elsewhere.get("/v1/usage")["plan"] == "Enterprise")
            // A request that writes reads the usage itself.
            try await quota.spend(charge, "test:later")
            #expect(try await elsewhere.snapshot().level(of: workflows).used == 7)
        }
    }

    @Test(arguments: Engine.available)
    func `stored bytes are in the usage at once, and the usage of an ended subscription is not in memory`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let (storage, organisation) = (quota.entitlements.storage, quota.organisation)
            func stored() async -> Int64? { await quota.get("/v1/usage")["storage"]?["used"]?.integer }
            #expect(await stored() == 0)
            let snapshot = try await quota.snapshot()
            try await quota.database.write { try storage.allocate(bytes: 9, of: snapshot, in: $0) }
            #expect(await stored() == 9)
            try await quota.database.write {
                try storage.settle(allocated: 9, actual: 4, of: organisation, in: $0)
            }
            #expect(await stored() == 4)
            try await quota.database.write { try storage.release(bytes: 4, of: organisation, in: $0) }
            #expect(await stored() == 0)
            _ = await app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: quota.person.token)
            #expect(await quota.get("/v1/usage").code == "no-active-subscription")
        }
    }

    @Test func `a snapshot that was read before a change is not kept after it`() async throws {
        try await withQuotaFixture(.sqlite) { quota in
            let (organisation, now) = (quota.organisation, quota.app.clock.now)
            let (cache, snapshot) = (SnapshotCache(), try await quota.snapshot())
            let changeCount = cache.changeCount(of: organisation)
            cache.invalidate(organisation)
            cache.set(snapshot, at: now, after: changeCount)
            #expect(cache.value(for: organisation, at: now) == nil)
            cache.set(snapshot, at: now, after: cache.changeCount(of: organisation))
            #expect(cache.value(for: organisation, at: now) != nil)
            #expect(cache.value(for: organisation, at: now + SnapshotCache.lifetime) == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `work in a transaction of a product takes its units in the current terms`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let administrator = try await quota.app.administrator()
            let large = try await quota.charge(workflows, units: 101)
            let small = try await quota.charge(workflows, units: 50)
            await adjust(quota, to: "student", as: administrator)
            await expectProblem(.quotaExceeded) { try await quota.spend(large, "test:large") }
            await expectProblem(.quotaExceeded) { try await quota.reserve(large, "test:large") }
            try await quota.spend(small, "test:small")
            try await quota.reserve(small, "test:rest")
            #expect(try await quota.level(workflows) == [50, 50, 0])
            // A repeat changes nothing.
            try await quota.spend(small, "test:small")
            try await quota.reserve(small, "test:rest")
            #expect(try await quota.level(workflows) == [50, 50, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a charge from before the end of a period is counted in the next one`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let charge = try await quota.charge(workflows, units: 60)
            try await quota.spend(charge, "test:before")
            quota.app.clock.advance(by: .days(32))
            try await quota.spend(charge, "test:after")
            try await quota.reserve(try await quota.charge(workflows, units: 40), "test:rest")
            #expect(try await quota.level(workflows) == [60, 40, 0])
            #expect(try await quota.count("buckets WHERE meter = 'workflows'") == 2)
        }
    }
}
