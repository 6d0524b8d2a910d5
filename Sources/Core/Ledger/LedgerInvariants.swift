package import Modules

package enum LedgerInvariants {
    package static let all: [Invariant] = [
        Invariant(
            "an account's balance is not what its movements add up to",
            """
            SELECT owner, unit, name, balance, moved FROM (
                SELECT owner, unit, name, balance,
                    (SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM ledger_movements
                        WHERE to_account = ledger_accounts.id)
                    - (SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM ledger_movements
                        WHERE from_account = ledger_accounts.id) AS moved
                FROM ledger_accounts
            ) AS accounts WHERE balance <> moved
            """
        ),
        Invariant(
            "a posting has no movements, or movements of another time",
            """
            SELECT id, kind, ledger_postings.occurred_at, number, ledger_movements.occurred_at AS moved_at
            FROM ledger_postings LEFT JOIN ledger_movements ON posting_id = ledger_postings.id
            WHERE ledger_movements.occurred_at IS NULL
                OR ledger_movements.occurred_at <> ledger_postings.occurred_at
            """
        ),
    ]
}
