import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Every verb broken off at its first statement, its second, and so on: the books balance, and the verb can be done again.
@Suite struct FaultLoopTests {
    @Test(arguments: Engine.available)
    func `reserving breaks off anywhere and holds nothing`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charge = try await till.charge()
            let count = try await withEachStatementFailing(on: till.database) { database in
                try await till.reserve(charge, "test:loop", on: database)
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 2)
            #expect(try await till.level() == [0, 1, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `committing breaks off anywhere and is done once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge())
            let count = try await withEachStatementFailing(on: till.database) { database in
                try await till.commit(id, on: database)
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 4)
            #expect(try await till.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a late commit breaks off anywhere and is done once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            for isOverrun in [false, true] {
                let id = try await till.reserve(try await till.charge())
                till.app.clock.advance(by: QuotaService.lease + .seconds(1))
                try await till.entitlements.recovery.recover()
                if isOverrun { try await till.spend(try await till.charge(units: 4), "test:rest") }
                try await withEachStatementFailing(on: till.database) { database in
                    try await till.commit(id, on: database)
                } check: { _ in
                    try await till.requireBalance()
                }
            }
            #expect(try await till.level() == [6, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a commit of more than was held breaks off anywhere and is done once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            for (units, level) in [(2, [2, 0, 3]), (5, [7, 0, 0])] as [(Int64, [Int64?])] {
                let id = try await till.reserve(try await till.charge())
                let count = try await withEachStatementFailing(on: till.database) { database in
                    try await till.commit(id, units: units, on: database)
                } check: { _ in
                    try await till.requireBalance()
                }
                #expect(count >= 5)
                #expect(try await till.level() == level)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `taking several limits breaks off anywhere and takes all or none`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charges = [try await till.charge(units: 2), try await till.charge(.processing, units: 3)]
            let count = try await withEachStatementFailing(on: till.database) { database in
                try await till.reserve(charges, key: "test-loop", on: database)
            } check: { _ in
                let (uploads, processing) = (try await till.level(), try await till.level(.processing))
                #expect(
                    (uploads, processing) == ([0, 0, 5], [0, 0, 5]) || (uploads, processing) == ([0, 2, 3], [0, 3, 2]))
                try await till.requireBalance()
            }
            #expect(count == 4)
            #expect(try await till.level(.processing) == [0, 3, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `a heartbeat and a change of hands break off anywhere`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge())
            var fence: Int64?
            let count = try await withEachStatementFailing(on: till.database) { database in
                fence = try await database.write { [entitlements = till.entitlements] transaction in
                    _ = try entitlements.quotas.extend(id, fence: 1, in: transaction)
                    return try entitlements.quotas.takeOver(id, in: transaction)
                }
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count == 4 && fence == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `beginning another life breaks off anywhere and resolves each orphan once`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            try await till.entitlements.recovery.startNode(as: "node")
            for loss in Reservation.ExpiryPolicy.some {
                try await till.reserve(
                    try await till.charge(), terms: Reservation.Terms(lifetime: .process, onExpiry: loss))
            }
            try await till.reserve(try await till.charge())
            let count = try await trouble.failEachStatement { _ in
                try await till.entitlements.recovery.startNode(as: "node")
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 4)
            // One is used as agreed, one because nobody answers for it, and one outlives the process.
            #expect(try await till.level() == [2, 1, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `releasing breaks off anywhere and gives back once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge(units: 3))
            let count = try await withEachStatementFailing(on: till.database) { database in
                try await till.release(id, on: database)
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 3)
            #expect(try await till.level() == [0, 0, 5])
        }
    }

    @Test(arguments: Engine.available)
    func `spending breaks off anywhere and is charged once in the end`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let charge = try await till.charge(units: 2)
            let count = try await withEachStatementFailing(on: till.database) { database in
                try await till.spend(charge, "test:loop", on: database)
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 2)
            #expect(try await till.level() == [2, 0, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `occupying and vacating break off anywhere`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let (standing, entitlements) = (try await till.standing(), till.entitlements)
            let used = { @Sendable in
                try await till.database.read { try $0.level(of: .storage(of: till.organisation)).used }
            }
            var expected: Int64 = 0
            try await withEachStatementFailing(on: till.database) { database in
                try await database.write { try entitlements.storage.allocate(bytes: 100, of: standing, in: $0) }
                expected = 100
            } check: { _ in
                let present = try await used()
                #expect(present == expected)
            }
            try await withEachStatementFailing(on: till.database) { database in
                try await database.write { try entitlements.storage.release(bytes: 100, of: till.organisation, in: $0) }
                expected = 0
            } check: { _ in
                let present = try await used()
                #expect(present == expected)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `recovering breaks off anywhere and gives back once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            for _ in 0..<3 { try await till.reserve(try await till.charge()) }
            app.clock.advance(by: QuotaService.lease + .seconds(1))
            let count = try await trouble.failEachStatement { _ in
                try await till.entitlements.recovery.recover()
            } check: { _ in
                try await till.requireBalance()
            }
            // One for all of them, and one for their bucket.
            #expect(count == 2)
            let level = try await till.database.read {
                try $0.first("SELECT used, held FROM buckets WHERE meter = 'uploads'")?.values
            }
            #expect(level == [.integer(0), .integer(0)])
        }
    }

    @Test(arguments: Engine.available)
    func `starting and changing a subscription break off anywhere`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            let till = QuotaFixture(app: app, person: person)
            for (path, body, action, token) in [
                ("/v1/payments/subscribe", ["plan": "free"], "subscription.started", person.token),
                (
                    "/v1/payments/subscriptions/\(person.id)/adjust", ["plan": "pro"], "subscription.adjusted",
                    administrator.token
                ),
            ] as [(String, JSONValue, String, String)] {
                var status = 0
                let count = try await trouble.failEachStatement { _ in
                    status = await app.call("POST", path, json: body, token: token).status
                } check: { _ in
                    // The change and its audit row are there together, or neither is.
                    let audited = try await till.auditCount(action)
                    #expect(audited == (status < 300 ? 1 : 0))
                }
                #expect(count >= 2 && status < 300)
            }
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"]?.string == "Pro")
        }
    }
}
