import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// The invariants that `gatehouse verify` checks: a difference of one unit in any table is found.
@Suite struct VerifyTests {
    /// Changes of one unit that no constraint of the schema refuses.
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

    /// Runs `body` with a database that has rows of every kind.
    private func withEntries(_ engine: Engine, _ body: (CreditFixture) async throws -> Void) async throws {
        try await withTestApp(engine) { app in
            let credits = CreditFixture(app: app, person: try await app.onTrial())
            let quota = QuotaFixture(app: app, person: credits.person)
            try await quota.spend(try await quota.charge(.workflows), "test:workflow")
            try await quota.commit(try await quota.reserve(try await quota.charge()))
            try await quota.reserve(try await quota.charge())
            let snapshot = try await quota.snapshot()
            try await app.app.database.write {
                try app.app.entitlements.storage.allocate(bytes: 0, of: snapshot, in: $0)
            }
            try await credits.commit(try await credits.reserve(try await credits.charge(4)), 12)
            try await credits.grant(9, expiresIn: 4)
            _ = try await credits.reserve(try await credits.charge(3))
            try await body(credits)
        }
    }

    @Test(arguments: Engine.available)
    func `a difference of one unit in any table is found`(engine: Engine) async throws {
        try await withEntries(engine) { credits in
            try await credits.requireInvariants()
            for change in Self.changes {
                // Changed, checked and rolled back in one transaction.
                let found = await problem {
                    try await credits.database.write { transaction in
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
            try await credits.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a fault names the row and both counts`(engine: Engine) async throws {
        try await withEntries(engine) { credits in
            try await credits.database.write {
                try $0.execute("UPDATE ledger_accounts SET balance = balance + 1 WHERE name = 'consumed'")
            }
            let faults = try await Invariants.faults(in: credits.database)
            #expect(
                faults == [
                    "an account's balance is not what its movements add up to: owner \(credits.organisation), "
                        + "unit credits, name consumed, balance 13, moved 12"
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `of many faults the first hundred are listed`(engine: Engine) async throws {
        try await withCreditFixture(engine) { credits in
            try await credits.database.write { transaction in
                for number in 0..<120 {
                    try transaction.execute(
                        """
                        INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance)
                        VALUES (\("a\(number)"), 'x', \("n\(number)"), 'credits', 0, 1)
                        """
                    )
                }
            }
            let faults = try await Invariants.faults(in: credits.database)
            #expect(faults.count == 101 && faults.last?.hasSuffix("and more") == true)
            try await credits.database.write { try $0.execute("DELETE FROM ledger_accounts WHERE owner = 'x'") }
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
