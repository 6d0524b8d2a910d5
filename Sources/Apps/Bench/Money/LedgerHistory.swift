import Modules

/// Money that has moved for a while: payments that are held, and payouts of some of them, with their postings.
enum LedgerHistory {
    private static let owners = 20_000
    private static let ownerPrefix = "0190c0de-0000-7000-8010-"
    private static let paymentPrefix = "0190c0de-0000-7000-8011-"
    private static let payoutPrefix = "0190c0de-0000-7000-8012-"

    private static let payer = NumberedRows.text(ownerPrefix, "n % \(owners)")
    private static let payee = NumberedRows.text(ownerPrefix, "(n * 7 + 1) % \(owners)")
    private static let payment = NumberedRows.text(paymentPrefix, "n")
    private static let payout = NumberedRows.text(payoutPrefix, "n")
    private static let amount: SQL = "1000 + n % 5000"
    private static let commission = 100

    /// - Parameters:
    ///   - payments: the numbers of those to insert; each has one movement.
    ///   - payouts: the numbers of those to insert, of payments with the same numbers; each has three movements.
    static func insert(payments: Range<Int>, payouts: Range<Int>, into database: any Database) async throws {
        try await NumberedRows.insert(payments, into: database) { numbers, transaction in
            try insertPayments(numbers, in: transaction)
        }
        try await NumberedRows.insert(payouts, into: database) { numbers, transaction in
            try insertPayouts(numbers, in: transaction)
            try insertPayoutPostings(numbers, in: transaction)
        }
        try await database.write { try addUp(in: $0) }
    }

    private static func insertPayments(_ numbers: SQL, in transaction: Transaction) throws {
        try insertAccounts("'platform'", "provider", numbers, in: transaction)
        try insertAccounts(payer, "held", numbers, in: transaction)
        try transaction.execute(
            numbers + """
                INSERT INTO payments (
                    id, organisation_id, purpose, subject, method, currency, amount, received, refunded, destination,
                    description, state, provider_id, created_at, succeeded_at
                )
                SELECT \(payment), \(payer), 'history', \(payment), 'intent', 'usd', \(amount), \(amount), 0, 'held',
                    'history', 'succeeded', \(NumberedRows.text("pi_", "n")), n, n
                FROM numbers
                """)
        try insertPosting("payment.succeeded", of: payer, payment, numbers, in: transaction)
        try insertMovement(
            "payment.succeeded", 0, of: payment, from: "'platform:provider'", to: payer + " || ':held'", amount,
            numbers,
            in: transaction)
    }

    private static func insertPayouts(_ numbers: SQL, in transaction: Transaction) throws {
        let transfer = NumberedRows.text("tr_", "n")
        try transaction.execute(
            numbers + """
                INSERT INTO payouts (
                    id, purpose, subject, source_account, source_owner, payee, destination, currency, amount,
                    commission, remainder, idempotency_key, metadata, state, attempt, reversal_attempt, transfer_id,
                    version, created_at, transferred_at
                )
                SELECT \(payout), 'history', \(payout), 'held', \(payer), \(payee), 'acct', 'usd', \(amount),
                    \(commission), 0, \(payout), '{}', 'transferred', 1, 0, \(transfer), 3, n, n
                FROM numbers
                """)
        try transaction.execute(
            numbers + """
                INSERT INTO payout_attempts (
                    payout_id, kind, number, idempotency_key, request_hash, call_id, outcome, detail, created_at,
                    settled_at
                )
                SELECT \(payout), 'transfer', 1, \(payout), '', \(payout), 'done', \(transfer), n, n
                FROM numbers
                """)
    }

    private static func insertPayoutPostings(_ numbers: SQL, in transaction: Transaction) throws {
        try insertAccounts("'platform'", "commission", numbers, in: transaction)
        for name in ["payout_pending", "in_transit"] { try insertAccounts(payee, name, numbers, in: transaction) }
        let pending = payee + " || ':payout_pending'"
        try insertPosting("payout.reserved", of: payee, payout, numbers, in: transaction)
        try insertPosting("payout.transferred", of: payee, payout, numbers, in: transaction)
        try insertMovement(
            "payout.reserved", 0, of: payout, from: payer + " || ':held'", to: pending, amount, numbers,
            in: transaction)
        try insertMovement(
            "payout.transferred", 0, of: payout, from: pending, to: payee + " || ':in_transit'",
            amount + " - \(commission)", numbers, in: transaction)
        try insertMovement(
            "payout.transferred", 1, of: payout, from: pending, to: "'platform:commission'", "\(commission)", numbers,
            in: transaction)
    }

    // MARK: Ledger

    /// Accounts whose ids are the owner and the name. Their balances follow from the movements.
    private static func insertAccounts(_ owner: SQL, _ name: String, _ numbers: SQL, in transaction: Transaction)
        throws
    {
        // `WHERE true`: SQLite would read ON CONFLICT as the condition of a join.
        try transaction.execute(
            numbers + """
                INSERT INTO ledger_accounts (id, owner, name, unit, may_be_negative, balance)
                SELECT DISTINCT \(owner) || ':' || \(name), \(owner), \(name), 'usd', 1, 0 FROM numbers WHERE true
                ON CONFLICT DO NOTHING
                """)
    }

    private static func insertPosting(
        _ kind: String, of owner: SQL, _ subject: SQL, _ numbers: SQL, in transaction: Transaction
    ) throws {
        try transaction.execute(
            numbers + """
                INSERT INTO ledger_postings (
                    id, owner, unit, kind, operation_key, fingerprint, reason, occurred_at, recorded_at
                )
                SELECT \(subject) || \(kind), \(owner), 'usd', \(kind), \(subject) || \(kind), '', '', n, n FROM numbers
                """)
    }

    private static func insertMovement(
        _ kind: String, _ number: Int, of subject: SQL, from source: SQL, to destination: SQL, _ amount: SQL,
        _ numbers: SQL, in transaction: Transaction
    ) throws {
        try transaction.execute(
            numbers + """
                INSERT INTO ledger_movements (
                    posting_id, number, unit, from_account, to_account, amount, subject, occurred_at
                )
                SELECT \(subject) || \(kind), \(number), 'usd', \(source), \(destination), \(amount), \(subject), n
                FROM numbers
                """)
    }

    /// Writes the balances and totals that the movements come to.
    private static func addUp(in transaction: Transaction) throws {
        try transaction.execute(
            """
            UPDATE ledger_accounts SET balance =
                (SELECT COALESCE(SUM(amount), 0) FROM ledger_movements WHERE to_account = ledger_accounts.id)
                - (SELECT COALESCE(SUM(amount), 0) FROM ledger_movements WHERE from_account = ledger_accounts.id)
            WHERE unit = 'usd'
            """)
        try transaction.execute("DELETE FROM money_totals")
        try transaction.execute(
            """
            INSERT INTO money_totals (currency, account, balance, movements_in, movements_out)
            SELECT unit, name, SUM(balance),
                SUM((SELECT COUNT(*) FROM ledger_movements WHERE to_account = ledger_accounts.id)),
                SUM((SELECT COUNT(*) FROM ledger_movements WHERE from_account = ledger_accounts.id))
            FROM ledger_accounts WHERE unit = 'usd' GROUP BY unit, name
            """)
    }
}
