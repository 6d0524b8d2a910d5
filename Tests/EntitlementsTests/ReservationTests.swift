import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ReservationTests {
    /// The transitions of a reservation.
    enum Transition: String, CaseIterable, Sendable { case commit, release, extend, expire }

    /// A list of transitions, the final state, and the used, held and remaining units of five.
    struct Case: Sendable, CustomTestStringConvertible {
        let transitions: [Transition]
        let state: String
        let level: [Int64]
        var testDescription: String { transitions.map(\.rawValue).joined(separator: ", ") + " → \(state)" }

        init(_ transitions: Transition..., to state: String, _ level: [Int64]) {
            (self.transitions, self.state, self.level) = (transitions, state, level)
        }
    }

    static let cases = [
        Case(to: "held", [0, 2, 3]),
        Case(.commit, to: "committed", [2, 0, 3]),
        Case(.release, to: "released", [0, 0, 5]),
        Case(.extend, to: "held", [0, 2, 3]),
        Case(.expire, to: "expired", [0, 0, 5]),
        Case(.commit, .commit, .commit, to: "committed", [2, 0, 3]),
        Case(.release, .release, to: "released", [0, 0, 5]),
        Case(.expire, .expire, to: "expired", [0, 0, 5]),
        Case(.commit, .release, to: "committed", [2, 0, 3]),
        Case(.release, .commit, to: "released", [0, 0, 5]),
        Case(.commit, .expire, to: "committed", [2, 0, 3]),
        Case(.release, .expire, to: "released", [0, 0, 5]),
        Case(.expire, .release, to: "released", [0, 0, 5]),
        Case(.expire, .release, .commit, .expire, to: "released", [0, 0, 5]),
        Case(.expire, .extend, to: "expired", [0, 0, 5]),
        Case(.extend, .commit, to: "committed", [2, 0, 3]),
        Case(.extend, .expire, to: "expired", [0, 0, 5]),
        // A late commit is admitted again.
        Case(.expire, .commit, to: "committed", [2, 0, 3]),
        Case(.expire, .commit, .commit, .release, .expire, to: "committed", [2, 0, 3]),
    ]

    private func perform(_ transition: Transition, _ id: ID<Reservation>, _ quota: QuotaFixture) async throws {
        switch transition {
        case .commit: try await quota.commit(id)
        case .release: try await quota.release(id)
        case .extend:
            try await quota.database.write { [entitlements = quota.entitlements] in
                try entitlements.quotas.extend(id, in: $0)
            }
        case .expire:
            quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
            try await quota.entitlements.recovery.recover()
        }
    }

    @Test(arguments: Engine.available)
    func `transitions lead to the states and counts of the table, and the invariants hold`(engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            for testCase in Self.cases {
                // A new organisation per case starts with empty counters.
                app.clock.advance(by: .seconds(1))
                let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
                let id = try await quota.reserve(try await quota.charge(units: 2))
                for transition in testCase.transitions {
                    try await perform(transition, id, quota)
                    try await quota.requireInvariants()
                }
                #expect(try await quota.state(id) == testCase.state, "\(testCase)")
                let level = try await app.app.database.read { [person = quota.person] transaction in
                    try transaction.level(
                        of: Bucket(
                            organisation: ID(trusted: person.organisation), meter: "uploads",
                            periodStart: try Self.anchor(of: person, transaction)))
                }
                #expect([level.used, level.held, 5 - level.used - level.held] == testCase.level, "\(testCase)")
            }
        }
    }

    private static func anchor(of person: TestPerson, _ transaction: Transaction) throws -> Instant {
        let anchor: Instant? = try transaction.first(
            "SELECT anchor_at FROM subscriptions WHERE organisation_id = \(person.organisation)"
        ) {
            try $0["anchor_at"]
        }
        return try #require(anchor)
    }

    @Test(arguments: Engine.available)
    func `a late commit beyond the limit is counted as an overrun`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let late = try await quota.reserve(try await quota.charge(units: 2))
            quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            try await quota.spend(try await quota.charge(units: 4), "test:others")
            try await quota.commit(late)
            #expect(try await quota.level() == [6, 0, 0])
            let overruns = try await quota.database.read {
                try $0.count(
                    "SELECT COUNT(*) AS count FROM usage_entries WHERE is_overrun = 1 AND amount = 2 AND beyond = 1")
            }
            #expect(overruns == 1)
            try await quota.commit(late)
            #expect(try await quota.level() == [6, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a lease lasts to the second, and a heartbeat extends it`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let (expired, extended) = (
                try await quota.reserve(try await quota.charge()), try await quota.reserve(try await quota.charge())
            )
            quota.app.clock.advance(by: QuotaService.lease)
            #expect(try await quota.entitlements.recovery.recover() == 0)
            try await quota.database.write { [entitlements = quota.entitlements] in
                try entitlements.quotas.extend(extended, in: $0)
            }
            quota.app.clock.advance(by: .seconds(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.state(expired) == "expired")
            #expect(try await quota.state(extended) == "held")
            #expect(try await quota.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `units whose lease has ended are admitted again before the recovery, at the gate and in the transaction`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine) { quota in
            let first = try await quota.reserve(try await quota.charge(units: 2))
            let second = try await quota.reserve(
                try await quota.charge(units: 3), terms: Reservation.Terms(onExpiry: .commit))
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            quota.app.clock.advance(by: QuotaService.lease)
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            quota.app.clock.advance(by: .seconds(1))
            // Three units will be committed, whenever the recovery runs.
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(units: 3) }
            let charge = try await quota.charge()
            try await quota.spend(charge, "test:spent")
            #expect(try await (quota.state(first), quota.state(second)) == ("expired", "held"))
            #expect(try await quota.level() == [1, 3, 1])
            try await quota.reserve(charge, "test:reserved")
            #expect(try await quota.level() == [1, 4, 0])
            await expectProblem(.quotaExceeded) { try await quota.reserve(charge, "test:refused") }
            #expect(try await !quota.extend(second))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.level() == [4, 1, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `the scheduled recovery releases reservations after their lease`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            for _ in 0..<5 { try await quota.reserve(try await quota.charge()) }
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
            try await quota.app.runJobs()
            #expect(try await quota.level() == [0, 5, 0])
            quota.app.clock.advance(by: QuotaService.lease + .minutes(2))
            try await quota.app.runJobs()
            #expect(try await quota.level() == [0, 0, 5])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `more leases than one batch expire together`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let charge = try await quota.charge()
            try await quota.database.write { [entitlements = quota.entitlements] transaction in
                for number in 0..<620 {
                    _ = try entitlements.quotas.reserve(
                        charge, operation: "test:\(number)", fingerprint: "", in: transaction)
                }
            }
            quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
            #expect(try await quota.entitlements.recovery.recover() == 620)
            #expect(try await quota.entitlements.recovery.recover() == 0)
            #expect(try await quota.level() == [0, 0, 999])
        }
    }

    @Test(arguments: Engine.available)
    func `an operation key is charged once and conflicts with another payload`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let charge = try await quota.charge()
            let operation = charge.operation(key: "my-key")
            let id = try await quota.reserve(charge, operation)
            // A repeated request returns the same reservation in every state; another payload is a conflict.
            #expect(try await quota.reserve(charge, operation) == id)
            await expectProblem(.operationConflict) { try await quota.reserve(charge, operation, fingerprint: "other") }
            let more = try await quota.charge(units: 2)
            await expectProblem(.operationConflict) { try await quota.reserve(more, operation) }
            #expect(try await quota.level() == [0, 1, 4])
            try await quota.commit(id)
            #expect(try await quota.reserve(charge, operation) == id)
            await expectProblem(.operationConflict) { try await quota.reserve(charge, operation, fingerprint: "other") }
            #expect(try await quota.level() == [1, 0, 4])
            // With the quota exhausted the gate admits a known key, and refuses a new one.
            try await quota.spend(try await quota.charge(units: 4), "test:rest")
            _ = try await quota.charge(key: "my-key")
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(key: "another") }
            // The known key still returns its reservation.
            #expect(try await quota.reserve(charge, operation) == id)
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(.processing, units: 6, key: "my-key") }
            // Another organisation's keys are its own.
            let other = QuotaFixture(app: quota.app, person: try await quota.app.subscriber("free", "other"))
            try await other.reserve(try await other.charge(key: "my-key"), operation)
            #expect(try await other.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `of sixty-four concurrent requests on ten units ten are admitted`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            // 989 of 999 are used: ten units remain.
            try await quota.spend(try await quota.charge(units: 989), "test:before")
            let charge = try await quota.charge()
            let outcomes = await withTaskGroup(of: ID<Reservation>?.self) { group in
                for number in 0..<64 { group.addTask { try? await quota.reserve(charge, "test:race-\(number)") } }
                return await group.reduce(into: [ID<Reservation>?]()) { $0.append($1) }
            }
            let admitted = outcomes.compactMap(\.self)
            #expect(admitted.count == 10)
            #expect(try await quota.level() == [989, 10, 0])
            try await quota.requireInvariants()
            // Each is ended twice concurrently, and takes effect once.
            await withTaskGroup(of: Void.self) { group in
                for (index, id) in admitted.enumerated() {
                    group.addTask { _ = try? await quota.commit(id) }
                    group.addTask { _ = try? await index.isMultiple(of: 2) ? quota.commit(id) : quota.release(id) }
                }
            }
            let level = try await quota.level().compactMap(\.self)
            #expect(level[1] == 0 && level[0] >= 994 && level[0] + level[2] == 999)
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent first requests create a bucket once`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let charge = try await quota.charge()
            let spent = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask { (try? await quota.spend(charge, "test:first-\(number)")) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(spent == 5)
            #expect(try await quota.level() == [5, 0, 0])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `more units than the limit are refused, also with a new bucket`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(units: 6) }
            // A limit of 0 refuses the first unit in the gate; the same check runs in the transaction.
            await expectProblem(.quotaExceeded) { _ = try await quota.charge(.trainingRuns) }
            let charge = try await quota.charge(units: 3)
            try await quota.reserve(charge)
            await expectProblem(.quotaExceeded) { try await quota.reserve(charge) }
            await expectProblem(.quotaExceeded) { try await quota.spend(charge, "test:s") }
            #expect(try await quota.level() == [0, 3, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `storage is occupied and vacated, whatever the period`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let snapshot = try await quota.snapshot()
            let entitlements = quota.entitlements
            try await quota.database.write { try entitlements.storage.allocate(bytes: 512 << 20, of: snapshot, in: $0) }
            let refused = await problem {
                try await quota.database.write { try entitlements.storage.allocate(bytes: 1, of: snapshot, in: $0) }
            }
            #expect(
                refused?.kind == .storageExceeded && refused?.kind.status == 403
                    && refused?.title == "Storage limit reached")
            #expect(
                refused?.members == [
                    "plan": "Free", "current_usage_mb": 512.0, "limit_mb": 512.0, "required": 1, "available": 0,
                ])
            await expectProblem(.storageExceeded) {
                try await quota.database.read { try entitlements.storage.check(bytes: 1, of: snapshot, in: $0) }
            }
            // The level of storage does not depend on the period.
            app.clock.advance(by: .minutes(10))
            try await quota.database.write {
                try entitlements.storage.release(bytes: 512 << 20, of: quota.organisation, in: $0)
            }
            let usage = await app.call("GET", "/v1/usage", token: quota.person.token)
            #expect(usage["storage"]?["used"]?.integer == 0)
            // Vacating more than is occupied violates a CHECK of the schema.
            await expectProblem(.internalError) {
                try await quota.database.write {
                    try entitlements.storage.release(bytes: 1, of: quota.organisation, in: $0)
                }
            }
        }
    }
}
