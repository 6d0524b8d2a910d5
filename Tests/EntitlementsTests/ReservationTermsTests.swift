import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Less and more than was held, hands that change, several limits at once, and lives of a process.
@Suite struct ReservationTermsTests {
    @Test(arguments: Engine.available)
    func `work that took less or more than was held is charged for what it took`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let less = try await till.reserve(try await till.charge(units: 3))
            #expect(try await till.commit(less, units: 1)?.actual == 1)
            #expect(try await till.level() == [1, 0, 4])
            let more = try await till.reserve(try await till.charge())
            #expect(try await till.commit(more, units: 3)?.actual == 3)
            #expect(try await till.level() == [4, 0, 1])
            let nothing = try await till.reserve(try await till.charge())
            #expect(try await till.commit(nothing, units: 0)?.state == .committed)
            #expect(try await till.level() == [4, 0, 1])
            // The same again has the same answer.
            #expect(try await till.commit(less, units: 3)?.actual == 1)
            await expectProblem(.validationFailed) { try await till.commit(nothing, units: -1) }
        }
    }

    @Test(arguments: Engine.available, Reservation.Excess.allCases)
    func `what does not fit is capped, owed or an overrun, as was agreed`(engine: Engine, excess: Reservation.Excess)
        async throws
    {
        try await withTill(engine) { till in
            let id = try await till.reserve(
                try await till.charge(units: 2), "test:excess", terms: Reservation.Terms(excess: excess))
            try await till.commit(id, units: 9)
            #expect(try await till.level() == (excess == .cap ? [5, 0, 0] : [9, 0, 0]))
            let entry = try await till.database.read {
                try $0.first(
                    "SELECT amount, beyond, is_overrun FROM usage_entries WHERE operation_key = 'test:excess'")?.values
            }
            let expected: [SQL.Value] =
                switch excess {
                case .cap: [.integer(5), .integer(0), .integer(0)]
                case .overage: [.integer(9), .integer(4), .integer(0)]
                case .overrun: [.integer(9), .integer(4), .integer(1)]
                }
            #expect(entry == expected)
            // Whatever it is called, nothing more is admitted.
            await expectProblem(.quotaExceeded) { _ = try await till.charge() }
        }
    }

    @Test(arguments: Engine.available)
    func `whoever lost the work to another can neither extend nor settle it`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge())
            #expect(try await till.extend(id, fence: 1))
            #expect(try await till.takeUp(id) == 2)
            #expect(try await !till.extend(id, fence: 1))
            await expectProblem(.reservationLost) { try await till.commit(id, fence: 1) }
            await expectProblem(.reservationLost) { try await till.release(id, fence: 1) }
            #expect(try await till.level() == [0, 1, 4])
            #expect(try await till.extend(id, fence: 2))
            #expect(try await till.commit(id, fence: 2)?.state == .committed)
            #expect(try await !till.extend(id, fence: 2))
            #expect(try await till.takeUp(id) == nil)
            // A reservation that nobody has is none.
            let unknown = ID<Reservation>(trusted: "00000000-0000-7000-8000-000000000000")
            #expect(try await till.commit(unknown) == nil)
            #expect(try await till.release(unknown) == nil)
            #expect(try await !till.extend(unknown))
        }
    }

    @Test(arguments: Engine.available)
    func `work that is late is admitted under a new fence, whatever it shows`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge())
            till.app.clock.advance(by: QuotaService.lease + .seconds(1))
            try await till.entitlements.recovery.recover()
            #expect(try await !till.extend(id, fence: 1))
            let settled = try await till.commit(id, fence: 1)
            #expect(settled?.state == .committed && settled?.fence == 3)
            #expect(try await till.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a reservation is charged in the period that admitted it`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge(units: 2), terms: Reservation.Terms(lease: .days(90)))
            till.app.clock.advance(by: .days(31))
            #expect(try await till.level() == [0, 0, 5])
            try await till.commit(id, units: 4)
            #expect(try await till.level() == [0, 0, 5])
            let levels = try await till.database.read {
                try $0.all("SELECT used, held FROM buckets WHERE meter = 'uploads'").map(\.values)
            }
            #expect(levels == [[.integer(4), .integer(0)]])
        }
    }

    @Test(arguments: Engine.available)
    func `a spending is charged once under its key`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let (one, two) = (try await till.charge(), try await till.charge(units: 2))
            try await till.spend(one, "test:spend")
            try await till.spend(one, "test:spend")
            #expect(try await till.level() == [1, 0, 4])
            await expectProblem(.operationConflict) { try await till.spend(two, "test:spend") }
            #expect(try await till.level() == [1, 0, 4])
        }
    }

    // MARK: Several limits

    @Test(arguments: Engine.available)
    func `several limits are taken all or none, and the first reason is told`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let (uploads, processing) = (try await till.charge(units: 2), try await till.charge(.processing, units: 3))
            let ids = try await till.reserve([processing, uploads], key: "test-1")
            #expect(ids.count == 2)
            #expect(try await till.reserve([processing, uploads], key: "test-1") == ids)
            // Part of what was taken is the part, more of it is something else.
            #expect(try await till.reserve([uploads], key: "test-1") == [ids[1]])
            #expect(try await (till.level(), till.level(.processing)) == ([0, 2, 3], [0, 3, 2]))
            // Processing has no room for three more: nothing of uploads is taken either.
            let refusal = await problem { try await till.reserve([uploads, processing], key: "test-2") }
            #expect(refusal?.kind == .quotaExceeded && refusal?.title == "Processing limit reached")
            #expect(try await (till.level(), till.level(.processing)) == ([0, 2, 3], [0, 3, 2]))
            // Neither has: the first that was declared is told, whatever the order of the rows.
            try await till.spend(uploads, "test:more")
            for (charges, title) in [
                ([uploads, processing], "Upload limit reached"), ([processing, uploads], "Processing limit reached"),
            ] {
                let refusal = await problem { try await till.reserve(charges, key: "test-3") }
                #expect(refusal?.title == title)
            }
            for id in ids { try await till.commit(id) }
            #expect(try await (till.level(), till.level(.processing)) == ([4, 0, 1], [3, 0, 2]))
        }
    }

    @Test(arguments: Engine.available)
    func `a body that goes on after a refusal has taken nothing`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let (uploads, processing) = (try await till.charge(units: 3), try await till.charge(.processing, units: 3))
            try await till.database.write { [entitlements = till.entitlements] transaction in
                _ = try entitlements.quotas.reserve(
                    [uploads, processing], key: "test-1", fingerprint: "", in: transaction)
                for (charges, key, kind) in [
                    ([uploads, processing], "test-2", Problem.Kind.quotaExceeded),
                    ([uploads], "test-3", .quotaExceeded),
                ] {
                    do {
                        _ = try entitlements.quotas.reserve(charges, key: key, fingerprint: "", in: transaction)
                        Issue.record("\(key) was admitted")
                    } catch let problem as Problem {
                        #expect(problem.kind == kind)
                    }
                }
                do {
                    try entitlements.quotas.spend(uploads, operation: "test:spend", in: transaction)
                    Issue.record("the spending was admitted")
                } catch let problem as Problem {
                    #expect(problem.kind == .quotaExceeded)
                }
            }
            #expect(try await (till.level(), till.level(.processing)) == ([0, 3, 2], [0, 3, 2]))
            let rows = try await till.database.read {
                try $0.count(
                    "SELECT (SELECT COUNT(*) FROM reservations) + (SELECT COUNT(*) FROM usage_entries) AS count")
            }
            #expect(rows == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `two who take several limits in opposite orders both get through`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            let (uploads, processing) = (try await till.charge(), try await till.charge(.processing))
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<60 {
                    let charges = number.isMultiple(of: 2) ? [uploads, processing] : [processing, uploads]
                    group.addTask {
                        guard let ids = try? await till.reserve(charges, key: "test-\(number)") else { return false }
                        for id in ids { _ = try? await till.commit(id) }
                        return true
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 60)
            #expect(try await (till.level(), till.level(.processing)) == ([60, 0, 939], [60, 0, 939]))
            try await till.requireBalance()
        }
    }

    // MARK: Lives of a process

    @Test(arguments: Engine.available)
    func `the next life of a process resolves what died with it, and leaves what outlives it`(engine: Engine)
        async throws
    {
        try await withTill(engine, plan: "enterprise") { till in
            // Nobody's yet: it waits for its lease.
            let nobodys = try await till.reserve(try await till.charge(), terms: Reservation.Terms(lifetime: .process))
            #expect(try await till.entitlements.recovery.startNode(as: "here") == 0)
            let mine = try await till.reserve(
                try await till.charge(units: 2), terms: Reservation.Terms(lifetime: .process))
            let used = try await till.reserve(
                try await till.charge(units: 4), terms: Reservation.Terms(lifetime: .process, onExpiry: .commit))
            let job = try await till.reserve(try await till.charge(units: 8))
            #expect(try await till.entitlements.recovery.startNode(as: "elsewhere") == 0)
            #expect(try await till.level() == [0, 15, 984])
            #expect(try await till.entitlements.recovery.startNode(as: "here") == 2)
            #expect(
                try await (till.state(mine), till.state(used), till.state(job), till.state(nobodys)) == (
                    "expired", "committed", "held", "held"
                ))
            #expect(try await till.level() == [4, 9, 986])
            #expect(try await till.entitlements.recovery.startNode(as: "here") == 0)
            // What it did before it died, and says only now, is not forgotten.
            #expect(try await till.commit(mine)?.state == .committed)
            #expect(try await till.level() == [6, 9, 984])
            let epochs = try await till.database.read {
                try $0.all("SELECT name, epoch FROM nodes ORDER BY name").map(\.values)
            }
            #expect(epochs == [[.text("elsewhere"), .integer(1)], [.text("here"), .integer(3)]])
        }
    }

    @Test(arguments: Engine.available)
    func `a process notices that another has taken its name`(engine: Engine) async throws {
        try await withTill(engine) { till in
            #expect(try await till.entitlements.nodes.heartbeat())
            try await till.entitlements.recovery.startNode(as: "here")
            #expect(try await till.entitlements.nodes.heartbeat())
            try await till.database.write { try $0.execute("UPDATE nodes SET epoch = epoch + 1") }
            #expect(try await !till.entitlements.nodes.heartbeat())
        }
    }
}
