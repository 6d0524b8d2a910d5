import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ReservationTests {
    /// What can happen to a reservation.
    enum Move: String, CaseIterable, Sendable { case commit, release, extend, expire }

    /// A list of moves, the state they lead to, and what is used, held and left of five.
    struct Story: Sendable, CustomTestStringConvertible {
        let moves: [Move]
        let state: String
        let level: [Int64]
        var testDescription: String { moves.map(\.rawValue).joined(separator: ", ") + " → \(state)" }

        init(_ moves: Move..., to state: String, _ level: [Int64]) {
            (self.moves, self.state, self.level) = (moves, state, level)
        }
    }

    static let stories = [
        Story(to: "held", [0, 2, 3]),
        Story(.commit, to: "committed", [2, 0, 3]),
        Story(.release, to: "released", [0, 0, 5]),
        Story(.extend, to: "held", [0, 2, 3]),
        Story(.expire, to: "expired", [0, 0, 5]),
        Story(.commit, .commit, .commit, to: "committed", [2, 0, 3]),
        Story(.release, .release, to: "released", [0, 0, 5]),
        Story(.expire, .expire, to: "expired", [0, 0, 5]),
        Story(.commit, .release, to: "committed", [2, 0, 3]),
        Story(.release, .commit, to: "released", [0, 0, 5]),
        Story(.commit, .expire, to: "committed", [2, 0, 3]),
        Story(.release, .expire, to: "released", [0, 0, 5]),
        Story(.expire, .release, to: "released", [0, 0, 5]),
        Story(.expire, .release, .commit, .expire, to: "released", [0, 0, 5]),
        Story(.expire, .extend, to: "expired", [0, 0, 5]),
        Story(.extend, .commit, to: "committed", [2, 0, 3]),
        Story(.extend, .expire, to: "expired", [0, 0, 5]),
        // Late, and admitted again.
        Story(.expire, .commit, to: "committed", [2, 0, 3]),
        Story(.expire, .commit, .commit, .release, .expire, to: "committed", [2, 0, 3]),
    ]

    private func perform(_ move: Move, _ id: ID<Reservation>, _ till: QuotaFixture) async throws {
        switch move {
        case .commit: try await till.commit(id)
        case .release: try await till.release(id)
        case .extend:
            try await till.database.write { [entitlements = till.entitlements] in
                try entitlements.quotas.extend(id, in: $0)
            }
        case .expire:
            till.app.clock.advance(by: QuotaService.lease + .seconds(1))
            try await till.entitlements.recovery.recover()
        }
    }

    @Test(arguments: Engine.available)
    func `every move leads where the table says, and the books balance`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            for story in Self.stories {
                // Somebody new for each story: nobody else's counters are in the way.
                app.clock.advance(by: .seconds(1))
                let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
                let id = try await till.reserve(try await till.charge(units: 2))
                for move in story.moves {
                    try await perform(move, id, till)
                    try await till.requireBalance()
                }
                #expect(try await till.state(id) == story.state, "\(story)")
                let level = try await app.app.database.read { [person = till.person] transaction in
                    try transaction.level(
                        of: Bucket(
                            organisation: ID(trusted: person.organisation), meter: "uploads",
                            periodStart: try Self.anchor(of: person, transaction)))
                }
                #expect([level.used, level.held, 5 - level.used - level.held] == story.level, "\(story)")
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
    func `work that ends after its lease and finds no room is counted as an overrun`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let late = try await till.reserve(try await till.charge(units: 2))
            till.app.clock.advance(by: QuotaService.lease + .seconds(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            try await till.spend(try await till.charge(units: 4), "test:others")
            try await till.commit(late)
            #expect(try await till.level() == [6, 0, 0])
            let overruns = try await till.database.read {
                try $0.count(
                    "SELECT COUNT(*) AS count FROM usage_entries WHERE is_overrun = 1 AND amount = 2 AND beyond = 1")
            }
            #expect(overruns == 1)
            try await till.commit(late)
            #expect(try await till.level() == [6, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a lease is held to the second, and extended by work that is alive`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let (silent, alive) = (
                try await till.reserve(try await till.charge()), try await till.reserve(try await till.charge())
            )
            till.app.clock.advance(by: QuotaService.lease)
            #expect(try await till.entitlements.recovery.recover() == 0)
            try await till.database.write { [entitlements = till.entitlements] in
                try entitlements.quotas.extend(alive, in: $0)
            }
            till.app.clock.advance(by: .seconds(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.state(silent) == "expired")
            #expect(try await till.state(alive) == "held")
            #expect(try await till.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `what was held when its process died is given back by the schedule`(engine: Engine) async throws {
        try await withTill(engine) { till in
            for _ in 0..<5 { try await till.reserve(try await till.charge()) }
            await expectProblem(.quotaExceeded) { _ = try await till.charge() }
            try await till.app.runJobs()
            #expect(try await till.level() == [0, 5, 0])
            till.app.clock.advance(by: QuotaService.lease + .minutes(2))
            try await till.app.runJobs()
            #expect(try await till.level() == [0, 0, 5])
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `more leases than one batch takes run out together`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            let charge = try await till.charge()
            try await till.database.write { [entitlements = till.entitlements] transaction in
                for number in 0..<620 {
                    _ = try entitlements.quotas.reserve(
                        charge, operation: "test:\(number)", fingerprint: "", in: transaction)
                }
            }
            till.app.clock.advance(by: QuotaService.lease + .seconds(1))
            #expect(try await till.entitlements.recovery.recover() == 620)
            #expect(try await till.entitlements.recovery.recover() == 0)
            #expect(try await till.level() == [0, 0, 999])
        }
    }

    @Test(arguments: Engine.available)
    func `an operation's key is charged once and for one purpose`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charge = try await till.charge()
            let operation = charge.operation(key: "my-key")
            let id = try await till.reserve(charge, operation)
            // The same again is the same, whatever has become of it; something else is not.
            #expect(try await till.reserve(charge, operation) == id)
            await expectProblem(.operationConflict) { try await till.reserve(charge, operation, print: "other") }
            let more = try await till.charge(units: 2)
            await expectProblem(.operationConflict) { try await till.reserve(more, operation) }
            #expect(try await till.level() == [0, 1, 4])
            try await till.commit(id)
            #expect(try await till.reserve(charge, operation) == id)
            await expectProblem(.operationConflict) { try await till.reserve(charge, operation, print: "other") }
            #expect(try await till.level() == [1, 0, 4])
            // Used up: a key that is known goes through the gate to its own answer, one that is new does not.
            try await till.spend(try await till.charge(units: 4), "test:rest")
            _ = try await till.charge(key: "my-key")
            await expectProblem(.quotaExceeded) { _ = try await till.charge(key: "another") }
            // Used up as it is, the key still has its answer.
            #expect(try await till.reserve(charge, operation) == id)
            await expectProblem(.quotaExceeded) { _ = try await till.charge(.processing, units: 6, key: "my-key") }
            // Another organisation's keys are its own.
            let other = QuotaFixture(app: till.app, person: try await till.app.subscriber("free", "other"))
            try await other.reserve(try await other.charge(key: "my-key"), operation)
            #expect(try await other.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `sixty-four at once on a limit of ten: ten are admitted`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            // 989 of 999 are used: there is room for ten.
            try await till.spend(try await till.charge(units: 989), "test:before")
            let charge = try await till.charge()
            let outcomes = await withTaskGroup(of: ID<Reservation>?.self) { group in
                for number in 0..<64 { group.addTask { try? await till.reserve(charge, "test:race-\(number)") } }
                return await group.reduce(into: [ID<Reservation>?]()) { $0.append($1) }
            }
            let admitted = outcomes.compactMap(\.self)
            #expect(admitted.count == 10)
            #expect(try await till.level() == [989, 10, 0])
            try await till.requireBalance()
            // Each ends twice at once, and one way.
            await withTaskGroup(of: Void.self) { group in
                for (index, id) in admitted.enumerated() {
                    group.addTask { _ = try? await till.commit(id) }
                    group.addTask { _ = try? await index.isMultiple(of: 2) ? till.commit(id) : till.release(id) }
                }
            }
            let level = try await till.level().compactMap(\.self)
            #expect(level[1] == 0 && level[0] >= 994 && level[0] + level[2] == 999)
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `a new bucket is not made twice by those who come first`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let charge = try await till.charge()
            let spent = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask { (try? await till.spend(charge, "test:first-\(number)")) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(spent == 5)
            #expect(try await till.level() == [5, 0, 0])
            try await till.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `more units than the limit never fit, however new the bucket`(engine: Engine) async throws {
        try await withTill(engine) { till in
            await expectProblem(.quotaExceeded) { _ = try await till.charge(units: 6) }
            // A plan without any: the very first is refused, in the gate and behind it.
            await expectProblem(.quotaExceeded) { _ = try await till.charge(.trainingRuns) }
            let charge = try await till.charge(units: 3)
            try await till.reserve(charge)
            await expectProblem(.quotaExceeded) { try await till.reserve(charge) }
            await expectProblem(.quotaExceeded) { try await till.spend(charge, "test:s") }
            #expect(try await till.level() == [0, 3, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `storage is a level that is taken and given back`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let standing = try await till.standing()
            let entitlements = till.entitlements
            try await till.database.write { try entitlements.storage.allocate(bytes: 512 << 20, of: standing, in: $0) }
            let refused = await problem {
                try await till.database.write { try entitlements.storage.allocate(bytes: 1, of: standing, in: $0) }
            }
            #expect(
                refused?.kind == .storageExceeded && refused?.kind.status == 403
                    && refused?.title == "Storage limit reached")
            #expect(refused?.members == ["plan": "Free", "current_usage_mb": 512.0, "limit_mb": 512.0])
            await expectProblem(.storageExceeded) {
                try await till.database.read { try entitlements.storage.check(bytes: 1, of: standing, in: $0) }
            }
            // A new period changes nothing about what lies there.
            app.clock.advance(by: .minutes(10))
            try await till.database.write {
                try entitlements.storage.release(bytes: 512 << 20, of: till.organisation, in: $0)
            }
            let usage = await app.call("GET", "/v1/usage", token: till.person.token)
            #expect(usage["storage"]?["used"]?.integer == 0)
            // Giving back more than there is is a mistake that the schema stops.
            await expectProblem(.internalError) {
                try await till.database.write {
                    try entitlements.storage.release(bytes: 1, of: till.organisation, in: $0)
                }
            }
        }
    }
}
