import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// What `gatehouse verify` looks for: one unit of difference, wherever it is.
@Suite struct VerifyTests {
    /// Changes of one unit that the schema itself does not refuse.
    static let changes: [SQL] = [
        "UPDATE buckets SET used = used + 1 WHERE meter = 'uploads'",
        "UPDATE buckets SET used = used - 1 WHERE meter = 'uploads'",
        "UPDATE buckets SET held = held + 1 WHERE meter = 'uploads'",
        "UPDATE buckets SET used = used + 1 WHERE meter = 'storage'",
        "UPDATE buckets SET period_start = period_start + 1 WHERE meter = 'workflows'",
        "UPDATE reservations SET amount = amount + 1 WHERE state = 'held'",
        "UPDATE reservations SET actual = actual + 1 WHERE state = 'committed'",
        "UPDATE reservations SET period_start = period_start + 1", "UPDATE usage_entries SET amount = amount + 1",
        "UPDATE usage_entries SET period_start = period_start - 1", "DELETE FROM usage_entries",
        "UPDATE subscriptions SET anchor_at = anchor_at - 1",
        "UPDATE subscriptions SET trial_ends_at = trial_ends_at + 1 WHERE status = 'trialing'",
        "UPDATE credit_lots SET available = available + 1, consumed = consumed - 1 WHERE consumed > 0",
        "UPDATE credit_lots SET available = available + 1, granted = granted + 1",
        "UPDATE credit_lots SET reserved = reserved - 1, expired = expired + 1 WHERE reserved > 0",
        "UPDATE credit_lots SET reserved = reserved - 1, reversed = reversed + 1 WHERE reserved > 0",
        "UPDATE credit_lots SET expires_at = expires_at + 1",
        "UPDATE credit_holds SET units = units + 1",
        "UPDATE credit_holds SET actual = actual + 1 WHERE state = 'committed'",
        "UPDATE credit_holds SET overrun = overrun + 1 WHERE state = 'committed'",
        "UPDATE credit_hold_parts SET units = units + 1",
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'available'",
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'debt'",
        "UPDATE ledger_postings SET occurred_at = occurred_at + 1",
        "UPDATE ledger_movements SET amount = amount + 1 WHERE subject IS NULL",
        "UPDATE ledger_movements SET amount = amount + 1 WHERE subject IS NOT NULL",
        "UPDATE ledger_movements SET subject = posting_id",
        "UPDATE ledger_movements SET subject = NULL", "DELETE FROM ledger_movements",
    ]

    /// An installation in which something of everything has happened.
    private func withBooks(_ engine: Engine, _ body: (CreditFixture) async throws -> Void) async throws {
        try await withTestApp(engine) { app in
            let purse = CreditFixture(app: app, person: try await app.onTrial())
            let till = QuotaFixture(app: app, person: purse.person)
            try await till.spend(try await till.charge(.workflows), "test:workflow")
            try await till.commit(try await till.reserve(try await till.charge()))
            try await till.reserve(try await till.charge())
            let standing = try await till.standing()
            try await app.app.database.write {
                try app.app.entitlements.storage.allocate(bytes: 0, of: standing, in: $0)
            }
            try await purse.commit(try await purse.reserve(try await purse.charge(4)), 12)
            try await purse.grant(9, expiresIn: 4)
            _ = try await purse.reserve(try await purse.charge(3))
            try await body(purse)
        }
    }

    @Test(arguments: Engine.available)
    func `one unit more or less in any table is found`(engine: Engine) async throws {
        try await withBooks(engine) { purse in
            try await purse.requireBalance()
            for change in Self.changes {
                // Changed, looked at and taken back in one transaction.
                let found = await problem {
                    try await purse.database.write { transaction in
                        if "\(change)".contains("ledger_movements") { try Self.dropTriggers(engine, transaction) }
                        let count = try transaction.execute(change)
                        throw Findings(
                            count: count, faults: try allInvariants.flatMap { try $0.faults(in: transaction) })
                    }
                }
                let findings = found?.cause as? Findings
                #expect((findings?.count ?? 0) > 0, "\(change): \(String(describing: found))")
                #expect(findings?.faults.isEmpty == false, "\(change)")
            }
            try await purse.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `a fault says which row it is and what was counted instead`(engine: Engine) async throws {
        try await withBooks(engine) { purse in
            try await purse.database.write {
                try $0.execute("UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'consumed'")
            }
            let faults = try await Invariants.faults(in: purse.database)
            #expect(
                faults == [
                    "an account's balance is not what its movements add up to: owner \(purse.organisation), unit credits, name consumed, balance 13, moved 12"
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `of very many faults the first hundred are told`(engine: Engine) async throws {
        try await withPurse(engine) { purse in
            try await purse.database.write { transaction in
                for number in 0..<120 {
                    try transaction.execute(
                        """
                        INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance) VALUES (\("a\(number)"), 'x', \("n\(number)"), 'credits', 0, 1)
                        """
                    )
                }
            }
            let faults = try await Invariants.faults(in: purse.database)
            #expect(faults.count == 101 && faults.last?.hasSuffix("and more") == true)
            try await purse.database.write { try $0.execute("DELETE FROM ledger_accounts WHERE owner = 'x'") }
        }
    }

    private struct Findings: Error {
        let count: Int
        let faults: [String]
    }

    private static func dropTriggers(_ engine: Engine, _ transaction: Transaction) throws {
        for name in ["changed", "deleted"] {
            let trigger: SQL = "DROP TRIGGER ledger_movements_are_not_\(SQL(trusted: name))"
            try transaction.execute(engine == .sqlite ? trigger : trigger + " ON ledger_movements")
        }
    }
}

extension Meter {
    static let workflows = Meter("workflows", title: "Workflow")
}
