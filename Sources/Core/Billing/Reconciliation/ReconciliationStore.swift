import Identity
import Modules

/// The SQL of balance transactions and reconciliation cases.
extension Transaction {
    // MARK: Balance transactions

    /// - Returns: false where it was compared before.
    func insert(_ entry: BalanceEntry) throws -> Bool {
        try execute(
            """
            INSERT INTO balance_entries (id, kind, source, currency, amount, fee, created_at)
            VALUES (
                \(entry.id), \(entry.kind), \(entry.source), \(entry.money.currency.code), \(entry.money.minorUnits),
                \(entry.fee), \(entry.createdAt)
            )
            ON CONFLICT (id) DO NOTHING
            """
        ) == 1
    }

    /// Until when balance transactions have been compared; nil before the first comparison.
    func balanceComparedUntil() throws -> Instant? {
        try first("SELECT compared_until FROM balance_comparison WHERE id = 1") { try $0["compared_until"] }
    }

    func setBalanceCompared(until time: Instant) throws {
        try execute(
            """
            INSERT INTO balance_comparison (id, compared_until) VALUES (1, \(time))
            ON CONFLICT (id) DO UPDATE SET compared_until = excluded.compared_until
            """
        )
    }

    /// When the ledger's first money came in; nil without any.
    func firstMoneyAt() throws -> Instant? {
        // Without rows the minimum is a row with NULL.
        try first("SELECT MIN(occurred_at) AS first_at FROM ledger_movements WHERE unit <> 'credits'")?
            .read("first_at", as: Instant?.self)
    }

    /// What the ledger has of a time without a balance transaction: transfers, payments and refunds.
    func movementsWithoutBalanceEntry(from start: Instant, before end: Instant, limit: Int) throws -> [MissingEntry] {
        try all(
            """
            SELECT moved.id, moved.kind, moved.source, moved.currency, moved.amount FROM (
                SELECT id, 'transfer' AS kind, transfer_id AS source, currency,
                    commission + remainder - amount AS amount
                FROM payouts WHERE transferred_at >= \(start) AND transferred_at < \(end)
                UNION ALL
                SELECT id, 'charge', charge_id, currency, received FROM payments
                WHERE charge_id IS NOT NULL AND succeeded_at >= \(start) AND succeeded_at < \(end)
                UNION ALL
                SELECT id, 'refund', provider_id, currency, -amount FROM refunds
                WHERE state = 'succeeded' AND provider_id IS NOT NULL AND provider_id NOT LIKE 'upi:%'
                    AND settled_at >= \(start) AND settled_at < \(end)
            ) AS moved
            WHERE NOT EXISTS (SELECT 1 FROM balance_entries WHERE balance_entries.source = moved.source)
                AND NOT EXISTS (
                    SELECT 1 FROM reconciliation_cases
                    WHERE reconciliation_cases.kind = \(ReconciliationCase.Kind.missing)
                        AND reconciliation_cases.reference = moved.id
                )
            ORDER BY moved.id LIMIT \(limit)
            """,
            MissingEntry.init)
    }

    /// A payout whose transfer is not known yet.
    func openPayout(_ id: ID<Payout>) throws -> Payout? {
        try first(
            "SELECT * FROM payouts WHERE id = \(id) AND state IN ('sending', 'unknown')", Payout.init)
    }

    /// The payout that a reversal at the provider belongs to.
    func payout(ofReversal id: String) throws -> Payout? {
        try first(
            """
            SELECT payouts.* FROM payouts JOIN payout_attempts ON payout_attempts.payout_id = payouts.id
            WHERE payout_attempts.kind = 'reversal' AND payout_attempts.outcome = 'done'
                AND payout_attempts.detail = \(id)
            """,
            Payout.init)
    }

    func dispute(ofProviderID id: String) throws -> PaymentDispute? {
        try first("SELECT * FROM payment_disputes WHERE provider_id = \(id)", PaymentDispute.init(row:))
    }

    /// - Returns: the number of deleted rows, at most `limit` of each table.
    func pruneReconciliation(before time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM balance_entries WHERE id IN (
                SELECT id FROM balance_entries WHERE created_at < \(time) ORDER BY created_at LIMIT \(limit))
            """
        )
            + execute(
                """
                DELETE FROM reconciliation_cases WHERE id IN (
                    SELECT id FROM reconciliation_cases WHERE state = 'resolved' AND created_at < \(time)
                    ORDER BY created_at LIMIT \(limit))
                """
            )
    }

    // MARK: Cases

    /// Opens a case. One of the same kind and reference, open or resolved, stays as it is.
    func insert(_ reconciliationCase: ReconciliationCase) throws -> Bool {
        try execute(
            """
            INSERT INTO reconciliation_cases (
                id, kind, reference, currency, expected_minor, found_minor, detail, state, created_at
            )
            VALUES (
                \(reconciliationCase.id), \(reconciliationCase.kind), \(reconciliationCase.reference),
                \(reconciliationCase.currency), \(reconciliationCase.expectedMinor), \(reconciliationCase.foundMinor),
                \(reconciliationCase.detail), 'open', \(reconciliationCase.createdAt)
            )
            ON CONFLICT (kind, reference) DO NOTHING
            """
        ) == 1
    }

    func reconciliationCase(_ id: ID<ReconciliationCase>) throws -> ReconciliationCase? {
        try first("SELECT * FROM reconciliation_cases WHERE id = \(id)", ReconciliationCase.init(row:))
    }

    /// - Returns: false where it is not open.
    func resolve(_ id: ID<ReconciliationCase>, note: String, by person: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE reconciliation_cases
            SET state = 'resolved', note = \(note), resolved_by = \(person), resolved_at = \(now)
            WHERE id = \(id) AND state = 'open'
            """
        ) == 1
    }

    func reconciliationCases(in state: ReconciliationCase.State?, limit: Int, offset: Int) throws -> (
        rows: [ReconciliationCase], total: Int64
    ) {
        let condition: SQL = state.map { "state = \($0)" } ?? .always
        let rows = try all(
            """
            SELECT * FROM reconciliation_cases WHERE \(condition) ORDER BY created_at DESC, id DESC
            LIMIT \(limit) OFFSET \(offset)
            """,
            ReconciliationCase.init(row:))
        return (rows, try count(of: "reconciliation_cases", where: condition))
    }
}

// MARK: Payments and refunds

extension Transaction {
    /// What a charge has brought in; nil for a charge that no succeeded payment has.
    func succeededPayment(ofCharge id: String) throws -> Money? {
        try first("SELECT received, currency FROM payments WHERE charge_id = \(id) AND state = 'succeeded'") {
            Money(try $0["received"], try Currency(stored: $0["currency"]))
        }
    }

    /// What a refund returns; nil for one that is not known here.
    func refundedMoney(ofProviderID id: String) throws -> Money? {
        try first("SELECT amount, currency FROM refunds WHERE provider_id = \(id)") {
            Money(try $0["amount"], try Currency(stored: $0["currency"]))
        }
    }
}
