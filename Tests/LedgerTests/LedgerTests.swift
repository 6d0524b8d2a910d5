import Base
import Modules
import Storage
import TestKit
import Testing

@testable import Ledger

@Suite struct LedgerTests {
    private let ledger = LedgerService(runtime: .system)
    private let source = LedgerAccount("issued", of: "somebody", in: .credits, mayBeNegative: true)
    private let purse = LedgerAccount("available", of: "somebody", in: .credits)

    private func withBooks(
        _ engine: Engine, clock: TestClock = TestClock(), _ body: (any Database) async throws -> Void
    ) async throws {
        try await withDatabase(engine, clock: { clock.now }) { database in
            try await Migrator(LedgerSchema.migrations).run(on: database)
            try await body(database)
            #expect(try await LedgerInvariants.all.faults(in: database) == [])
        }
    }

    @discardableResult
    private func post(
        _ amount: Int64, from: LedgerAccount, to: LedgerAccount, _ operation: String, at moment: Instant? = nil,
        on database: any Database
    ) async throws -> ID<Posting>? {
        try await database.write { [ledger] in
            try ledger.post(
                Posting(
                    "moved", of: from.owner, in: from.unit, operation: operation, occurredAt: moment,
                    [Movement(amount, from: from, to: to)]), in: $0)
        }
    }

    private func balances(of owner: String = "somebody", at moment: Instant? = nil, on database: any Database)
        async throws -> [String: Int64]
    {
        try await database.read { [ledger] transaction in
            guard let moment else { return try ledger.balances(of: owner, in: .credits, transaction) }
            return try ledger.balances(of: owner, in: .credits, at: moment, transaction)
        }
    }

    @Test(arguments: Engine.available)
    func `what leaves one account arrives in another, and nothing leaves that is not there`(engine: Engine) async throws
    {
        try await withBooks(engine) { database in
            #expect(try await post(10, from: source, to: purse, "a", on: database) != nil)
            #expect(try await balances(on: database) == ["issued": -10, "available": 10])
            let spent = LedgerAccount("consumed", of: "somebody", in: .credits)
            #expect(try await post(10, from: purse, to: spent, "b", on: database) != nil)
            for account in [purse, LedgerAccount("empty", of: "somebody", in: .credits)] {
                await #expect { try await post(1, from: account, to: spent, "c", on: database) } throws: {
                    ($0 as? Problem)?.kind == .ledgerOverdrawn
                }
            }
            #expect(try await balances(on: database) == ["issued": -10, "available": 0, "consumed": 10])
            let postings = try await database.read { try $0.count("SELECT COUNT(*) AS count FROM ledger_postings") }
            #expect(postings == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an operation is posted once, however many ask at once`(engine: Engine) async throws {
        try await withBooks(engine) { database in
            let posted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        ((try? await post(5, from: source, to: purse, "the same", on: database)) ?? nil) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(posted == 1)
            let balances = try await balances(on: database)
            #expect(balances == ["issued": -5, "available": 5])
            // Another owner's operations are their own.
            let other = LedgerAccount("available", of: "other", in: .credits)
            #expect(
                try await post(
                    1, from: LedgerAccount("issued", of: "other", in: .credits, mayBeNegative: true), to: other,
                    "the same", on: database) != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the balance of any moment is told from the movements`(engine: Engine) async throws {
        let clock = TestClock()
        try await withBooks(engine, clock: clock) { database in
            let start = clock.now
            for day in 1...5 {
                try await post(Int64(day), from: source, to: purse, "day \(day)", on: database)
                clock.advance(by: .days(1))
            }
            // Something is written down later than it happened.
            try await post(2, from: purse, to: source, "late", at: start + .days(2), on: database)
            let expected: [Int64] = [0, 1, 3, 4, 8, 13]
            for (day, balance) in expected.enumerated() {
                #expect(
                    try await balances(at: start + .days(Int64(day) - 1), on: database)["available"] == balance,
                    "day \(day)")
            }
            #expect(try await balances(at: start + .days(2) - .microseconds(1), on: database)["available"] == 3)
            let (rows, total) = try await database.read { [ledger] in
                try ledger.entries(of: "somebody", in: .credits, until: start + .days(2), limit: 2, offset: 0, $0)
            }
            #expect(total == 4 && rows.map(\.operation) == ["late", "day 3"])
            #expect(rows.first?.steps == [LedgerEntry.Step(amount: 2, from: "available", to: "issued", subject: nil)])
        }
    }

    @Test(arguments: Engine.available)
    func `the tables take nothing that does not balance, and movements are never changed`(engine: Engine) async throws {
        try await withBooks(engine) { database in
            try await post(3, from: source, to: purse, "a", on: database)
            let usd = LedgerUnit(try #require(Currency("usd")))
            let dollars = LedgerAccount("available", of: "somebody", in: usd)
            let bank = LedgerAccount("bank", of: "house", in: usd, mayBeNegative: true)
            try await post(100, from: bank, to: dollars, "dollars", on: database)
            for statement: SQL in [
                "UPDATE ledger_movements SET amount = amount + 1", "UPDATE ledger_movements SET occurred_at = 0",
                "DELETE FROM ledger_movements",
                "UPDATE ledger_accounts SET balance = -1 WHERE may_be_negative = 0",
                // Dollars do not become credits.
                """
                INSERT INTO ledger_movements (posting_id, number, unit, from_account, to_account, amount, occurred_at)
                SELECT posting_id, 1, unit, from_account, (SELECT id FROM ledger_accounts WHERE name = 'available' AND unit = 'credits'), 1, occurred_at
                FROM ledger_movements WHERE unit = 'usd'
                """,
                """
                INSERT INTO ledger_movements (posting_id, number, unit, from_account, to_account, amount, occurred_at)
                SELECT posting_id, 1, unit, from_account, to_account, -1, occurred_at FROM ledger_movements
                """,
                """
                INSERT INTO ledger_movements (posting_id, number, unit, from_account, to_account, amount, occurred_at)
                SELECT posting_id, 1, unit, from_account, from_account, 1, occurred_at FROM ledger_movements
                """,
            ] {
                await #expect(throws: Problem.self) { try await database.write { try $0.execute(statement) } }
            }
            #expect(try await balances(on: database)["available"] == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a unit more or less in any table is found`(engine: Engine) async throws {
        for change: SQL in [
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'available'",
            "UPDATE ledger_movements SET amount = amount + 1",
            "UPDATE ledger_movements SET occurred_at = occurred_at + 1",
            "UPDATE ledger_postings SET occurred_at = occurred_at - 1",
            "DELETE FROM ledger_movements",
        ] {
            try await withDatabase(engine) { database in
                try await Migrator(LedgerSchema.migrations).run(on: database)
                try await post(3, from: source, to: purse, "a", on: database)
                try await database.write { transaction in
                    for name in ["changed", "deleted"] {
                        let trigger: SQL = "DROP TRIGGER ledger_movements_are_not_\(SQL(trusted: name))"
                        try transaction.execute(engine == .sqlite ? trigger : trigger + " ON ledger_movements")
                    }
                    try transaction.execute(change)
                }
                #expect(try await LedgerInvariants.all.faults(in: database) != [], "\(change)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `many at once in opposite directions lose nothing`(engine: Engine) async throws {
        try await withBooks(engine) { database in
            let other = LedgerAccount("reserved", of: "somebody", in: .credits)
            try await post(100, from: source, to: purse, "a", on: database)
            try await post(100, from: source, to: other, "b", on: database)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let (from, to) = number.isMultiple(of: 2) ? (purse, other) : (other, purse)
                        _ = try? await post(Int64(number % 7 + 1), from: from, to: to, "move \(number)", on: database)
                    }
                }
            }
            let balances = try await balances(on: database)
            #expect((balances["available"] ?? 0) + (balances["reserved"] ?? 0) == 200)
            #expect(try await database.read { try $0.count("SELECT COUNT(*) AS count FROM ledger_postings") } == 62)
        }
    }

    @Test(arguments: Engine.available)
    func `whoever is forgotten leaves books that balance and say nothing of them`(engine: Engine) async throws {
        try await withBooks(engine) { database in
            try await post(3, from: source, to: purse, "their own word", on: database)
            try await database.write { [ledger] in try ledger.pseudonymise(owner: "somebody", as: "nobody-1", in: $0) }
            #expect(try await balances(on: database) == [:])
            #expect(try await balances(of: "nobody-1", on: database) == ["issued": -3, "available": 3])
            let left = try await database.read {
                try $0.count("SELECT COUNT(*) AS count FROM ledger_postings WHERE operation_key = 'their own word'")
            }
            #expect(left == 0)
        }
    }
}
