import Modules

/// Conditions between disputes and the ledger.
enum DisputeInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a payer's disputed money is not what its disputes add up to",
            """
            SELECT owner, unit, name, CAST(SUM(balance) AS \(.integer)) AS balance,
                CAST(SUM(expected) AS \(.integer)) AS expected
            FROM (
                SELECT owner, unit, name, balance, 0 AS expected FROM ledger_accounts
                WHERE name IN ('disputed', 'dispute_lost') AND unit <> 'credits'
                UNION ALL
                SELECT payer, currency, CASE WHEN funds = 'lost' THEN 'dispute_lost' ELSE 'disputed' END, 0, amount
                FROM payment_disputes WHERE funds IN ('withdrawn', 'lost')
            ) AS both_sides GROUP BY owner, unit, name HAVING SUM(balance) <> SUM(expected)
            """
        )
    ]
}
