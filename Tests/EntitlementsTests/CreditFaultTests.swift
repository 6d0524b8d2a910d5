import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Every verb of credits broken off at its first statement, its second, and so on: the books balance, and the verb can be done again.
@Suite struct CreditFaultTests {
    private func breakOff(_ purse: CreditFixture, atLeast count: Int, _ verb: (any Database) async throws -> Void)
        async throws
    {
        let failed = try await withEachStatementFailing(on: purse.database, verb) { _ in
            try await purse.requireBalance()
        }
        #expect(failed >= count)
    }

    @Test(arguments: Engine.available)
    func `granting breaks off anywhere and gives once in the end`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(1)
            try await purse.commit(try await purse.reserve(try await purse.charge()), 3)
            #expect(try await purse.balance() == [0, 0, 2])
            try await breakOff(purse, atLeast: 10) { try await purse.grant(5, "test:loop", on: $0) }
            #expect(try await purse.balance() == [3, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `reserving breaks off anywhere and holds once in the end`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            for days in [1, 2, 3] as [Int64] { try await purse.grant(2, expiresIn: days) }
            let charge = try await purse.charge(5)
            try await breakOff(purse, atLeast: 15) { _ = try await purse.reserve(charge, "test:loop", on: $0) }
            #expect(try await purse.balance() == [1, 5, 0])
        }
    }

    @Test(arguments: Engine.available, [0, 2, 4, 6, 9] as [Int64])
    func `committing breaks off anywhere and is done once in the end`(engine: Engine, units: Int64) async throws {
        try await withPurse(engine) { purse in
            for days in [1, 2, 3] as [Int64] { try await purse.grant(2, expiresIn: days) }
            let hold = try await purse.reserve(try await purse.charge(4))
            try await breakOff(purse, atLeast: 8) { try await purse.commit(hold, units, on: $0) }
            #expect(try await purse.balance() == [max(0, 6 - units), 0, max(0, units - 6)])
        }
    }

    @Test(arguments: Engine.available, [1, 8] as [Int64])
    func `committing late breaks off anywhere and is done once in the end`(engine: Engine, units: Int64) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(5)
            let hold = try await purse.reserve(try await purse.charge(4))
            purse.app.clock.advance(by: CreditService.lease + .minutes(2))
            try await purse.app.runJobs()
            try await breakOff(purse, atLeast: 6) { try await purse.commit(hold, units, on: $0) }
            #expect(try await purse.balance() == [max(0, 5 - units), 0, max(0, units - 5)])
        }
    }

    @Test(arguments: Engine.available)
    func `releasing breaks off anywhere and gives back once in the end`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            for days in [1, 2] as [Int64] { try await purse.grant(2, expiresIn: days) }
            let hold = try await purse.reserve(try await purse.charge(3))
            try await breakOff(purse, atLeast: 10) { try await purse.release(hold, on: $0) }
            #expect(try await purse.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `spending breaks off anywhere and is charged once in the end`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.grant(2, expiresIn: 1)
            try await purse.grant(2)
            let charge = try await purse.charge(3)
            try await breakOff(purse, atLeast: 8) { try await purse.spend(charge, "test:loop", on: $0) }
            #expect(try await purse.balance() == [1, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `what time does breaks off anywhere and is done once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let purse = CreditFixture(app: app, person: try await app.subscriber("pro"))
            try await purse.grant(5, expiresIn: 1)
            _ = try await purse.reserve(try await purse.charge(2))
            app.clock.advance(by: .days(2))
            let count = try await trouble.failEachStatement { _ in
                try await purse.entitlements.creditExpiry.settleAll()
            } check: { _ in
                try await purse.requireBalance()
            }
            #expect(count >= 12)
            let lot = try await purse.database.read {
                try $0.first("SELECT available, reserved, expired FROM credit_lots")?.values
            }
            #expect(lot == [.integer(0), .integer(0), .integer(5)])
        }
    }

    @Test(arguments: Engine.available)
    func `a trial's beginning, its lengthening, its end and corrections break off anywhere, through the front door`(
        engine: Engine
    ) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            try await app.app.database.write {
                try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(person.id)")
            }
            let purse = CreditFixture(app: app, person: person)
            let subscriptions = "/v1/payments/subscriptions/\(person.id)"
            for (path, body, token, balance) in [
                ("/v1/payments/start-trial", nil, person.token, 10),
                ("/v1/admin/credits/\(person.id)/corrections", ["units": -4, "reason": "x"], administrator.token, 6),
                ("/v1/admin/credits/\(person.id)/corrections", ["units": 2, "reason": "x"], administrator.token, 8),
                ("\(subscriptions)/extend-trial", ["days": 3], administrator.token, 8),
                ("\(subscriptions)/adjust", ["plan": "pro"], administrator.token, 2),
            ] as [(String, JSONValue?, String, Int64)] {
                var status = 0
                let key = "key \(balance)"
                try await trouble.failEachStatement { _ in
                    status = await app.call("POST", path, json: body, token: token, headers: ["Idempotency-Key": key])
                        .status
                } check: { _ in
                    try await purse.requireBalance()
                }
                #expect(status < 300, "\(path): \(status)")
                #expect(try await purse.balance() == [balance, 0, 0], "\(path)")
            }
        }
    }
}
