import Modules

/// Conditions between the ledger's accounts of money and the totals of the platform.
enum FinanceInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a total is not what the accounts of its name and currency add up to",
            """
            SELECT currency, account, CAST(SUM(balance) AS \(.integer)) AS difference,
                CAST(SUM(entered) AS \(.integer)) AS entered, CAST(SUM(departed) AS \(.integer)) AS departed
            FROM (
                SELECT currency, account, balance, movements_in AS entered, movements_out AS departed FROM money_totals
                UNION ALL
                SELECT unit, name, -balance,
                    -(SELECT COUNT(*) FROM ledger_movements WHERE to_account = ledger_accounts.id),
                    -(SELECT COUNT(*) FROM ledger_movements WHERE from_account = ledger_accounts.id)
                FROM ledger_accounts WHERE unit <> 'credits'
            ) AS both_sides GROUP BY currency, account
            HAVING SUM(balance) <> 0 OR SUM(entered) <> 0 OR SUM(departed) <> 0
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
