import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Commits of fewer and more units, fences, several limits at once, and restarts of a process.
@Suite struct ReservationTermsTests {
    @Test(arguments: Engine.available)
    func `a commit of fewer or more units charges the actual units`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let less = try await quota.reserve(try await quota.charge(units: 3))
            #expect(try await quota.commit(less, units: 1)?.actual == 1)
            #expect(try await quota.level() == [1, 0, 4])
            let more = try await quota.reserve(try await quota.charge())
            #expect(try await quota.commit(more, units: 3)?.actual == 3)
            #expect(try await quota.level() == [4, 0, 1])
            let nothing = try await quota.reserve(try await quota.charge())
            #expect(try await quota.commit(nothing, units: 0)?.state == .committed)
            #expect(try await quota.level() == [4, 0, 1])
            // A repeated commit returns the first result.
            #expect(try await quota.commit(less, units: 3)?.actual == 1)
            await expectProblem(.validationFailed) { try await quota.commit(nothing, units: -1) }
        }
    }

    @Test(arguments: Engine.available)
    func `units beyond the limit are an overrun`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge(units: 2), "test:overrun")
            try await quota.commit(id, units: 9)
            #expect(try await quota.level() == [9, 0, 0])
            let entry = try await quota.database.read {
                try $0.first(
                    "SELECT amount, beyond, is_overrun FROM usage_entries WHERE operation_key = 'test:overrun'")?.values
            }
            #expect(entry == [.integer(9), .integer(4), .integer(1)])
            // Further units are refused.
            await expectProblem(.quotaExceeded) { _ = try await quota.charge() }
        }
    }

    @Test(arguments: Engine.available)
    func `another fence neither extends nor settles a reservation`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge())
            #expect(try await quota.extend(id, fence: 1))
            #expect(try await !quota.extend(id, fence: 2))
            await expectProblem(.reservationLost) { try await quota.commit(id, fence: 2) }
            await expectProblem(.reservationLost) { try await quota.release(id, fence: 2) }
            #expect(try await quota.level() == [0, 1, 4])
            #expect(try await quota.commit(id, fence: 1)?.state == .committed)
            #expect(try await !quota.extend(id, fence: 1))
            // An unknown reservation.
            let unknown = ID<Reservation>(trusted: "00000000-0000-7000-8000-000000000000")
            #expect(try await quota.commit(unknown) == nil)
            #expect(try await quota.release(unknown) == nil)
            #expect(try await !quota.extend(unknown))
        }
    }

    @Test(arguments: Engine.available)
    func `a late commit is admitted under a new fence, whatever fence it carries`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge())
            quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
            try await quota.entitlements.recovery.recover()
            #expect(try await !quota.extend(id, fence: 1))
            let settled = try await quota.commit(id, fence: 1)
            #expect(settled?.state == .committed && settled?.fence == 3)
            #expect(try await quota.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a reservation is charged in the period that admitted it`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(
                try await quota.charge(units: 2), terms: Reservation.Terms(lease: .days(90)))
            quota.app.clock.advance(by: .days(31))
            #expect(try await quota.level() == [0, 0, 5])
            try await quota.commit(id, units: 4)
            #expect(try await quota.level() == [0, 0, 5])
            let levels = try await quota.database.read {
                try $0.all("SELECT used, held FROM buckets WHERE meter = 'uploads'").map(\.values)
            }
            #expect(levels == [[.integer(4), .integer(0)]])
        }
    }

    @Test(arguments: Engine.available)
    func `spending is charged once per key`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let (one, two) = (try await quota.charge(), try await quota.charge(units: 2))
            try await quota.spend(one, "test:spend")
            try await quota.spend(one, "test:spend")
            #expect(try await quota.level() == [1, 0, 4])
            await expectProblem(.operationConflict) { try await quota.spend(two, "test:spend") }
            #expect(try await quota.level() == [1, 0, 4])
        }
    }

    // MARK: Several limits

    @Test(arguments: Engine.available)
    func `several limits are taken together or not at all, and the first refusal is returned`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            let (uploads, processing) = (
                try await quota.charge(units: 2), try await quota.charge(.processing, units: 3)
            )
            let ids = try await quota.reserve([processing, uploads], key: "test-1")
            #expect(ids.count == 2)
            #expect(try await quota.reserve([processing, uploads], key: "test-1") == ids)
            // A subset of the charges returns the reservations of the subset.
            #expect(try await quota.reserve([uploads], key: "test-1") == [ids[1]])
            #expect(try await (quota.level(), quota.level(.processing)) == ([0, 2, 3], [0, 3, 2]))
            // Processing is exceeded, so no uploads are taken either.
            let refusal = await problem { try await quota.reserve([uploads, processing], key: "test-2") }
            #expect(refusal?.kind == .quotaExceeded && refusal?.title == "Processing limit reached")
            #expect(try await (quota.level(), quota.level(.processing)) == ([0, 2, 3], [0, 3, 2]))
            // Both are exceeded: the refusal is that of the first declared charge, whatever the order of the rows.
            try await quota.spend(uploads, "test:more")
            for (charges, title) in [
                ([uploads, processing], "Upload limit reached"), ([processing, uploads], "Processing limit reached"),
            ] {
                let refusal = await problem { try await quota.reserve(charges, key: "test-3") }
                #expect(refusal?.title == title)
            }
            for id in ids { try await quota.commit(id) }
            #expect(try await (quota.level(), quota.level(.processing)) == ([4, 0, 1], [3, 0, 2]))
        }
    }

    @Test(arguments: Engine.available)
    func `a transaction that continues after a refusal has taken nothing`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let (uploads, processing) = (
                try await quota.charge(units: 3), try await quota.charge(.processing, units: 3)
            )
            try await quota.database.write { [entitlements = quota.entitlements] transaction in
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
            #expect(try await (quota.level(), quota.level(.processing)) == ([0, 3, 2], [0, 3, 2]))
            let rows = try await quota.database.read {
                try $0.count(
                    "SELECT (SELECT COUNT(*) FROM reservations) + (SELECT COUNT(*) FROM usage_entries) AS count")
            }
            #expect(rows == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `tasks that take several limits in opposite orders do not deadlock`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            let (uploads, processing) = (try await quota.charge(), try await quota.charge(.processing))
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<60 {
                    let charges = number.isMultiple(of: 2) ? [uploads, processing] : [processing, uploads]
                    group.addTask {
                        guard let ids = try? await quota.reserve(charges, key: "test-\(number)") else { return false }
                        for id in ids { _ = try? await quota.commit(id) }
                        return true
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 60)
            #expect(try await (quota.level(), quota.level(.processing)) == ([60, 0, 939], [60, 0, 939]))
            try await quota.requireInvariants()
        }
    }

    // MARK: Restarts of a process

    @Test(arguments: Engine.available)
    func `a restart resolves reservations of the process, and keeps those that outlive it`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            // Made before the registration of the node: it ends with its lease.
            let unregistered = try await quota.reserve(
                try await quota.charge(), terms: Reservation.Terms(lifetime: .process))
            #expect(try await quota.entitlements.recovery.startNode(as: "here") == 0)
            let released = try await quota.reserve(
                try await quota.charge(units: 2), terms: Reservation.Terms(lifetime: .process))
            let used = try await quota.reserve(
                try await quota.charge(units: 4), terms: Reservation.Terms(lifetime: .process, onExpiry: .commit))
            let job = try await quota.reserve(try await quota.charge(units: 8))
            #expect(try await quota.entitlements.recovery.startNode(as: "elsewhere") == 0)
            #expect(try await quota.level() == [0, 15, 984])
            #expect(try await quota.entitlements.recovery.startNode(as: "here") == 2)
            #expect(
                try await (quota.state(released), quota.state(used), quota.state(job), quota.state(unregistered)) == (
                    "expired", "committed", "held", "held"
                ))
            #expect(try await quota.level() == [4, 9, 986])
            #expect(try await quota.entitlements.recovery.startNode(as: "here") == 0)
            // A commit of work that ended before the restart is still charged.
            #expect(try await quota.commit(released)?.state == .committed)
            #expect(try await quota.level() == [6, 9, 984])
            let epochs = try await quota.database.read {
                try $0.all("SELECT name, epoch FROM nodes ORDER BY name").map(\.values)
            }
            #expect(epochs == [[.text("elsewhere"), .integer(1)], [.text("here"), .integer(3)]])
        }
    }

    @Test(arguments: Engine.available)
    func `a heartbeat fails after another process has registered the node name`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            #expect(try await quota.entitlements.nodes.heartbeat())
            try await quota.entitlements.recovery.startNode(as: "here")
            #expect(try await quota.entitlements.nodes.heartbeat())
            try await quota.database.write { try $0.execute("UPDATE nodes SET epoch = epoch + 1") }
            #expect(try await !quota.entitlements.nodes.heartbeat())
        }
    }
}
