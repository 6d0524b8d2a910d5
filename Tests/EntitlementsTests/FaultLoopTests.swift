import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Every operation with its first statement failing, its second, and so on: the invariants hold, and the operation can
/// be repeated.
@Suite struct FaultLoopTests {
    @Test(arguments: Engine.available)
    func `reserving is atomic at every failing statement`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let charge = try await quota.charge()
            let count = try await withEachStatementFailing(on: quota.database) { database in
                try await quota.reserve(charge, "test:loop", on: database)
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 2)
            #expect(try await quota.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a commit is atomic at every failing statement, and applied once when repeated`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge())
            let count = try await withEachStatementFailing(on: quota.database) { database in
                try await quota.commit(id, on: database)
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 4)
            #expect(try await quota.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a late commit is atomic at every failing statement, and applied once when repeated`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            for isOverrun in [false, true] {
                let id = try await quota.reserve(try await quota.charge())
                quota.app.clock.advance(by: QuotaService.lease + .seconds(1))
                try await quota.entitlements.recovery.recover()
                if isOverrun { try await quota.spend(try await quota.charge(units: 4), "test:rest") }
                try await withEachStatementFailing(on: quota.database) { database in
                    try await quota.commit(id, on: database)
                } check: { _ in
                    try await quota.requireInvariants()
                }
            }
            #expect(try await quota.level() == [6, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a commit of more units is atomic at every failing statement, and applied once when repeated`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            for (units, level) in [(2, [2, 0, 3]), (5, [7, 0, 0])] as [(Int64, [Int64?])] {
                let id = try await quota.reserve(try await quota.charge())
                let count = try await withEachStatementFailing(on: quota.database) { database in
                    try await quota.commit(id, units: units, on: database)
                } check: { _ in
                    try await quota.requireInvariants()
                }
                #expect(count >= 5)
                #expect(try await quota.level() == level)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `taking several limits is atomic at every failing statement`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let charges = [try await quota.charge(units: 2), try await quota.charge(.processing, units: 3)]
            let count = try await withEachStatementFailing(on: quota.database) { database in
                try await quota.reserve(charges, key: "test-loop", on: database)
            } check: { _ in
                let (uploads, processing) = (try await quota.level(), try await quota.level(.processing))
                #expect(
                    (uploads, processing) == ([0, 0, 5], [0, 0, 5]) || (uploads, processing) == ([0, 2, 3], [0, 3, 2]))
                try await quota.requireInvariants()
            }
            #expect(count == 4)
            #expect(try await quota.level(.processing) == [0, 3, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `an extension of a lease is atomic at every failing statement`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge())
            var isExtended = false
            let count = try await withEachStatementFailing(on: quota.database) { database in
                isExtended = try await database.write { [entitlements = quota.entitlements] transaction in
                    try entitlements.quotas.extend(id, fence: 1, in: transaction)
                }
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count == 2 && isExtended)
        }
    }

    @Test(arguments: Engine.available)
    func `a restart is atomic at every failing statement, and settles each reservation once`(engine: Engine)
        async throws
    {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            try await quota.entitlements.recovery.startNode(as: "node")
            for loss in Reservation.ExpiryPolicy.some {
                try await quota.reserve(
                    try await quota.charge(), terms: Reservation.Terms(lifetime: .process, onExpiry: loss))
            }
            try await quota.reserve(try await quota.charge())
            let count = try await faults.failEachStatement { _ in
                try await quota.entitlements.recovery.startNode(as: "node")
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 4)
            // One is committed by its terms, one because its resolver is missing, and one outlives the process.
            #expect(try await quota.level() == [2, 1, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a release is atomic at every failing statement, and applied once when repeated`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge(units: 3))
            let count = try await withEachStatementFailing(on: quota.database) { database in
                try await quota.release(id, on: database)
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 3)
            #expect(try await quota.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `spending is atomic at every failing statement, and charged once when repeated`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let charge = try await quota.charge(units: 2)
            let count = try await withEachStatementFailing(on: quota.database) { database in
                try await quota.spend(charge, "test:loop", on: database)
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 2)
            #expect(try await quota.level() == [2, 0, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `occupying and vacating storage are atomic at every failing statement`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let (snapshot, entitlements) = (try await quota.snapshot(), quota.entitlements)
            let used = { @Sendable in
                try await quota.database.read { try $0.level(of: .storage(of: quota.organisation)).used }
            }
            var expected: Int64 = 0
            try await withEachStatementFailing(on: quota.database) { database in
                try await database.write { try entitlements.storage.allocate(bytes: 100, of: snapshot, in: $0) }
                expected = 100
            } check: { _ in
                let present = try await used()
                #expect(present == expected)
            }
            try await withEachStatementFailing(on: quota.database) { database in
                try await database.write {
                    try entitlements.storage.release(bytes: 100, of: quota.organisation, in: $0)
                }
                expected = 0
            } check: { _ in
                let present = try await used()
                #expect(present == expected)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `recovery is atomic at every failing statement, and releases once when repeated`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            for _ in 0..<3 { try await quota.reserve(try await quota.charge()) }
            app.clock.advance(by: QuotaService.lease + .seconds(1))
            let count = try await faults.failEachStatement { _ in
                try await quota.entitlements.recovery.recover()
            } check: { _ in
                try await quota.requireInvariants()
            }
            // One statement for all reservations, and one for their bucket.
            #expect(count == 2)
            let level = try await quota.database.read {
                try $0.first("SELECT used, held FROM buckets WHERE meter = 'uploads'")?.values
            }
            #expect(level == [.integer(0), .integer(0)])
        }
    }

    @Test(arguments: Engine.available)
    func `starting and changing a subscription are atomic at every failing statement`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            let quota = QuotaFixture(app: app, person: person)
            for (path, body, action, token) in [
                ("/v1/payments/subscribe", ["plan": "free"], "subscription.started", person.token),
                (
                    "/v1/payments/subscriptions/\(person.id)/adjust", ["plan": "pro"], "subscription.adjusted",
                    administrator.token
                ),
            ] as [(String, JSONValue, String, String)] {
                var status = 0
                let count = try await faults.failEachStatement { _ in
                    status = await app.call("POST", path, json: body, token: token).status
                } check: { _ in
                    // The change and its audit event are committed together or not at all.
                    let audited = try await quota.auditCount(action)
                    #expect(audited == (status < 300 ? 1 : 0))
                }
                #expect(count >= 2 && status < 300)
            }
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"]?.string == "Pro")
        }
    }
}
