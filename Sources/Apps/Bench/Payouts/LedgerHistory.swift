import Billing
import Ledger
import Modules

/// A ledger that has been used for a while.
enum LedgerHistory {
    static let invariants = LedgerInvariants.all + BillingModule.invariants

    struct Faulty: Error, CustomStringConvertible {
        let faults: [String]
        var description: String { faults.prefix(5).joined(separator: "\n") }
    }
}

extension Transaction {
    /// Inserts payouts that were transferred, each from a payment of its own, with what the ledger has of them.
    func insertTransferredPayouts(_ count: Int) throws {
        let owners = 20_000
        func id(_ prefix: String, _ number: SQL) -> SQL {
            "'\(SQL(trusted: prefix))-7000-8000-' || substr('000000000000' || (\(number)), -12)"
        }
        let owner = id("01900000-0000", "n % \(owners)")
        let other = id("01900000-0000", "(n * 7 + 1) % \(owners)")
        let numbers: SQL = """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))
            """
        try execute(
            """
            \(numbers)
            INSERT INTO payouts (
                id, purpose, subject, source_account, source_owner, payee, destination, currency, amount, commission,
                remainder, idempotency_key, metadata, state, attempt, reversal_attempt, transfer_id, version,
                created_at, transferred_at
            )
            SELECT \(id("01900000-0001", "n")), 'history', 's' || n, 'held', \(owner), \(other), 'acct', 'usd',
                1000 + n % 5000, 100, 0, 'k' || n, '{}', 'transferred', 1, 0, 'tr_' || n, 3, n, n
            FROM numbers
            """)
        try execute(
            """
            INSERT INTO payout_attempts (
                payout_id, kind, number, idempotency_key, request_hash, call_id, outcome, detail, created_at, settled_at
            )
            SELECT id, 'transfer', 1, idempotency_key, '', id, 'done', transfer_id, created_at, created_at FROM payouts
            """)
        // The balances follow from the movements.
        let accounts: [(name: String, owners: SQL)] = [
            ("provider", "SELECT 'platform' AS owner"), ("commission", "SELECT 'platform' AS owner"),
            ("held", "SELECT DISTINCT source_owner AS owner FROM payouts"),
            ("payout_pending", "SELECT DISTINCT payee AS owner FROM payouts"),
            ("in_transit", "SELECT DISTINCT payee AS owner FROM payouts"),
        ]
        for (name, owners) in accounts {
            try execute(
                """
                INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance)
                SELECT owner || ':' || \(name), owner, \(name), 'usd', 1, 0 FROM (\(owners)) AS owners
                """)
        }
        let movements: [(kind: String, number: Int, from: SQL, to: SQL, amount: SQL)] = [
            ("payment", 0, "'platform:provider'", "source_owner || ':held'", "amount"),
            ("reserved", 0, "source_owner || ':held'", "payee || ':payout_pending'", "amount"),
            ("transferred", 0, "payee || ':payout_pending'", "payee || ':in_transit'", "amount - commission"),
            ("transferred", 1, "payee || ':payout_pending'", "'platform:commission'", "commission"),
        ]
        for kind in ["payment", "reserved", "transferred"] {
            try execute(
                """
                INSERT INTO ledger_postings (
                    id, owner, unit, kind, operation_key, fingerprint, reason, occurred_at, recorded_at
                )
                SELECT id || \(kind), payee, 'usd', \(kind), id || \(kind), '', '', created_at, created_at FROM payouts
                """)
        }
        for movement in movements {
            try execute(
                """
                INSERT INTO ledger_movements (
                    posting_id, number, unit, from_account, to_account, amount, subject, occurred_at
                )
                SELECT id || \(movement.kind), \(movement.number), 'usd', \(movement.from), \(movement.to),
                    \(movement.amount), id || CASE \(movement.kind) WHEN 'payment' THEN 'p' ELSE '' END, created_at
                FROM payouts
                """)
        }
        try execute(
            """
            UPDATE ledger_accounts SET balance =
                (SELECT COALESCE(SUM(amount), 0) FROM ledger_movements WHERE to_account = ledger_accounts.id)
                - (SELECT COALESCE(SUM(amount), 0) FROM ledger_movements WHERE from_account = ledger_accounts.id)
            WHERE unit = 'usd'
            """)
        try execute(
            """
            INSERT INTO money_totals (currency, account, balance, movements_in, movements_out)
            SELECT unit, name, SUM(balance),
                SUM((SELECT COUNT(*) FROM ledger_movements WHERE to_account = ledger_accounts.id)),
                SUM((SELECT COUNT(*) FROM ledger_movements WHERE from_account = ledger_accounts.id))
            FROM ledger_accounts WHERE unit = 'usd' GROUP BY unit, name
            """)
    }
}
