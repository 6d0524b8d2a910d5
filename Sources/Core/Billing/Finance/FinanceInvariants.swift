import Modules

/// Conditions between the ledger's accounts of money and the totals of the platform.
enum FinanceInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a total is not what the accounts of its name and currency add up to",
            """
            SELECT totals.currency, totals.account, totals.balance, accounts.balance AS accounts_balance,
                totals.movements_in, accounts.moved_in, totals.movements_out, accounts.moved_out
            FROM (
                SELECT unit, name, CAST(SUM(balance) AS \(.integer)) AS balance,
                    CAST(SUM(entered) AS \(.integer)) AS moved_in, CAST(SUM(departed) AS \(.integer)) AS moved_out
                FROM (
                    SELECT unit, name, balance,
                        (SELECT COUNT(*) FROM ledger_movements WHERE to_account = ledger_accounts.id) AS entered,
                        (SELECT COUNT(*) FROM ledger_movements WHERE from_account = ledger_accounts.id) AS departed
                    FROM ledger_accounts WHERE unit <> 'credits'
                ) AS counted GROUP BY unit, name
            ) AS accounts
                FULL OUTER JOIN money_totals AS totals
                    ON totals.currency = accounts.unit AND totals.account = accounts.name
            WHERE COALESCE(totals.balance, 0) <> COALESCE(accounts.balance, 0)
                OR COALESCE(totals.movements_in, 0) <> COALESCE(accounts.moved_in, 0)
                OR COALESCE(totals.movements_out, 0) <> COALESCE(accounts.moved_out, 0)
            """
        ),
        Invariant(
            "the totals of a currency do not add up to 0",
            """
            SELECT currency, CAST(SUM(balance) AS \(.integer)) AS balance FROM money_totals GROUP BY currency
            HAVING SUM(balance) <> 0
            """
        ),
    ]
}
