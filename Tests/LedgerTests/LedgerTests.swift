import Base
import Modules
import Storage
import TestKit
import Testing

@testable import Ledger

@Suite struct LedgerTests {
    private let clock: TestClock
    private let ledger: LedgerService
    private let issued = LedgerAccount("issued", of: "owner", in: .credits, mayBeNegative: true)
    private let available = LedgerAccount("available", of: "owner", in: .credits)

    init() {
        let clock = TestClock()
        self.clock = clock
        // Ids sort by the same clock as the rows.
        ledger = LedgerService(runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes))
    }

    private func withLedger(_ engine: Engine, _ body: (any Database) async throws -> Void) async throws {
        try await withDatabase(engine, clock: { clock.now }) { database in
            try await Migrator(LedgerSchema.migrations).run(on: database)
            try await body(database)
            #expect(try await LedgerInvariants.all.faults(in: database) == [])
        }
    }

    @discardableResult
    private func post(
        _ amount: Int64, from: LedgerAccount, to: LedgerAccount, _ operation: String, at time: Instant? = nil,
        on database: any Database
    ) async throws -> ID<Posting>? {
        try await database.write { [ledger] in
            try ledger.post(
                Posting(
                    "moved", of: from.owner, in: from.unit, operation: operation, occurredAt: time,
                    [Movement(amount, from: from, to: to)]), in: $0)
        }
    }

    private func balances(of owner: String = "owner", at time: Instant? = nil, on database: any Database)
        async throws -> [String: Int64]
    {
        try await database.read { [ledger] transaction in
            guard let time else { return try ledger.balances(of: owner, in: .credits, transaction) }
            return try ledger.balances(of: owner, in: .credits, at: time, transaction)
        }
    }

    @Test(arguments: Engine.available)
    func `a posting moves units between accounts, and an overdraft is refused`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            #expect(try await post(10, from: issued, to: available, "a", on: database) != nil)
            #expect(try await balances(on: database) == ["issued": -10, "available": 10])
            let spent = LedgerAccount("consumed", of: "owner", in: .credits)
            #expect(try await post(10, from: available, to: spent, "b", on: database) != nil)
            for account in [available, LedgerAccount("empty", of: "owner", in: .credits)] {
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
    func `concurrent postings of one operation post it once`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            let posted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        ((try? await post(5, from: issued, to: available, "the same", on: database)) ?? nil) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(posted == 1)
            let balances = try await balances(on: database)
            #expect(balances == ["issued": -5, "available": 5])
            // Operations are unique per owner.
            let other = LedgerAccount("available", of: "other", in: .credits)
            #expect(
                try await post(
                    1, from: LedgerAccount("issued", of: "other", in: .credits, mayBeNegative: true), to: other,
                    "the same", on: database) != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the balance at any time is derived from the movements`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            let start = clock.now
            for day in 1...5 {
                try await post(Int64(day), from: issued, to: available, "day \(day)", on: database)
                clock.advance(by: .days(1))
            }
            // A posting with an earlier time than its row.
            try await post(2, from: available, to: issued, "late", at: start + .days(2), on: database)
            let expected: [Int64] = [0, 1, 3, 4, 8, 13]
            for (day, balance) in expected.enumerated() {
                #expect(
                    try await balances(at: start + .days(Int64(day) - 1), on: database)["available"] == balance,
                    "day \(day)")
            }
            #expect(try await balances(at: start + .days(2) - .microseconds(1), on: database)["available"] == 3)
            let (rows, total) = try await database.read { [ledger] in
                try ledger.entries(of: "owner", in: .credits, until: start + .days(2), limit: 2, offset: 0, $0)
            }
            #expect(total == 4 && rows.map(\.operation) == ["late", "day 3"])
            #expect(rows.first?.steps == [LedgerEntry.Step(amount: 2, from: "available", to: "issued", subject: nil)])
        }
    }

    @Test(arguments: Engine.available)
    func `the schema refuses unbalanced rows and changes of movements`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            try await post(3, from: issued, to: available, "a", on: database)
            let usd = LedgerUnit(try #require(Currency("usd")))
            let dollars = LedgerAccount("available", of: "owner", in: usd)
            let bank = LedgerAccount("bank", of: "platform", in: usd, mayBeNegative: true)
            try await post(100, from: bank, to: dollars, "dollars", on: database)
            for statement: SQL in [
                "UPDATE ledger_movements SET amount = amount + 1", "UPDATE ledger_movements SET occurred_at = 0",
                "DELETE FROM ledger_movements",
                "UPDATE ledger_accounts SET balance = -1 WHERE may_be_negative = 0",
                // A movement between accounts of different units.
                """
                INSERT INTO ledger_movements (posting_id, number, unit, from_account, to_account, amount, occurred_at)
                SELECT posting_id, 1, unit, from_account,
                    (SELECT id FROM ledger_accounts WHERE name = 'available' AND unit = 'credits'), 1, occurred_at
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
    func `a difference of one unit in any table is found`(engine: Engine) async throws {
        for change: SQL in [
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'available'",
            "UPDATE ledger_movements SET amount = amount + 1",
            "UPDATE ledger_movements SET occurred_at = occurred_at + 1",
            "UPDATE ledger_postings SET occurred_at = occurred_at - 1",
            "DELETE FROM ledger_movements",
        ] {
            try await withDatabase(engine) { database in
                try await Migrator(LedgerSchema.migrations).run(on: database)
                try await post(3, from: issued, to: available, "a", on: database)
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
    func `concurrent postings in opposite directions keep the total`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            let other = LedgerAccount("reserved", of: "owner", in: .credits)
            try await post(100, from: issued, to: available, "a", on: database)
            try await post(100, from: issued, to: other, "b", on: database)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let (from, to) = number.isMultiple(of: 2) ? (available, other) : (other, available)
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
    func `erasing an owner keeps balanced postings without personal data`(engine: Engine) async throws {
        try await withLedger(engine) { database in
            try await post(3, from: issued, to: available, "personal key", on: database)
            try await database.write { [ledger] in try ledger.pseudonymise(owner: "owner", as: "erased-1", in: $0) }
            #expect(try await balances(on: database) == [:])
            #expect(try await balances(of: "erased-1", on: database) == ["issued": -3, "available": 3])
            let left = try await database.read {
                try $0.count("SELECT COUNT(*) AS count FROM ledger_postings WHERE operation_key = 'personal key'")
            }
            #expect(left == 0)
        }
    }
}
