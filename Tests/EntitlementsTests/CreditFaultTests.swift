import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Every operation on credits, with its first statement failing, its second, and so on: the invariants hold, and the
/// operation can be repeated.
@Suite struct CreditFaultTests {
    private func failEachStatement(
        _ credits: CreditFixture, atLeast count: Int, _ operation: (any Database) async throws -> Void
    )
        async throws
    {
        let failed = try await withEachStatementFailing(on: credits.database, operation) { _ in
            try await credits.requireInvariants()
        }
        #expect(failed >= count)
    }

    @Test(arguments: Engine.available)
    func `a grant is atomic at every failing statement, and applied once when repeated`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(1)
            try await credits.commit(try await credits.reserve(try await credits.charge()), 3)
            #expect(try await credits.balance() == [0, 0, 2])
            try await failEachStatement(credits, atLeast: 10) { try await credits.grant(5, "test:loop", on: $0) }
            #expect(try await credits.balance() == [3, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `a reservation is atomic at every failing statement, and made once when repeated`(engine: Engine) async throws
    {
        try await withCreditFixture(engine) { credits in
            for days in [1, 2, 3] as [Int64] { try await credits.grant(2, expiresIn: days) }
            let charge = try await credits.charge(5)
            try await failEachStatement(credits, atLeast: 15) {
                _ = try await credits.reserve(charge, "test:loop", on: $0)
            }
            #expect(try await credits.balance() == [1, 5, 0])
        }
    }

    @Test(arguments: Engine.available, [0, 2, 4, 6, 9] as [Int64])
    func `a commit is atomic at every failing statement, and applied once when repeated`(engine: Engine, units: Int64)
        async throws
    {
        try await withCreditFixture(engine) { credits in
            for days in [1, 2, 3] as [Int64] { try await credits.grant(2, expiresIn: days) }
            let hold = try await credits.reserve(try await credits.charge(4))
            try await failEachStatement(credits, atLeast: 8) { try await credits.commit(hold, units, on: $0) }
            #expect(try await credits.balance() == [max(0, 6 - units), 0, max(0, units - 6)])
        }
    }

    @Test(arguments: Engine.available, [1, 8] as [Int64])
    func `a late commit is atomic at every failing statement, and applied once when repeated`(
        engine: Engine, units: Int64
    ) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(5)
            let hold = try await credits.reserve(try await credits.charge(4))
            credits.app.clock.advance(by: CreditService.lease + .minutes(2))
            try await credits.app.runJobs()
            try await failEachStatement(credits, atLeast: 6) { try await credits.commit(hold, units, on: $0) }
            #expect(try await credits.balance() == [max(0, 5 - units), 0, max(0, units - 5)])
        }
    }

    @Test(arguments: Engine.available)
    func `a release is atomic at every failing statement, and applied once when repeated`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            for days in [1, 2] as [Int64] { try await credits.grant(2, expiresIn: days) }
            let hold = try await credits.reserve(try await credits.charge(3))
            try await failEachStatement(credits, atLeast: 10) { try await credits.release(hold, on: $0) }
            #expect(try await credits.balance() == [4, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `spending is atomic at every failing statement, and charged once when repeated`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.grant(2, expiresIn: 1)
            try await credits.grant(2)
            let charge = try await credits.charge(3)
            try await failEachStatement(credits, atLeast: 8) { try await credits.spend(charge, "test:loop", on: $0) }
            #expect(try await credits.balance() == [1, 0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `expiry of lots and leases is atomic at every failing statement, and applied once when repeated`(
        engine: Engine
    ) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let credits = CreditFixture(app: app, person: try await app.subscriber("pro"))
            try await credits.grant(5, expiresIn: 1)
            _ = try await credits.reserve(try await credits.charge(2))
            app.clock.advance(by: .days(2))
            let count = try await faults.failEachStatement { _ in
                try await credits.entitlements.creditExpiry.settleAll()
            } check: { _ in
                try await credits.requireInvariants()
            }
            #expect(count >= 12)
            let lot = try await credits.database.read {
                try $0.first("SELECT available, reserved, expired FROM credit_lots")?.values
            }
            #expect(lot == [.integer(0), .integer(0), .integer(5)])
        }
    }

    @Test(arguments: Engine.available)
    func `start, extension and end of a trial, and corrections, are atomic at every failing statement, over HTTP`(
        engine: Engine
    ) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            try await app.app.database.write {
                try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(person.id)")
            }
            let credits = CreditFixture(app: app, person: person)
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
                try await faults.failEachStatement { _ in
                    status = await app.call("POST", path, json: body, token: token, headers: ["Idempotency-Key": key])
                        .status
                } check: { _ in
                    try await credits.requireInvariants()
                }
                #expect(status < 300, "\(path): \(status)")
                #expect(try await credits.balance() == [balance, 0, 0], "\(path)")
            }
        }
    }
}
