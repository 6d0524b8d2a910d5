import Modules

/// Conditions between disputes and the ledger.
enum DisputeInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a payer's disputed money is not what its disputes add up to",
            """
            SELECT owner, unit, name, balance, expected FROM (
                SELECT accounts.owner, accounts.unit, accounts.name, accounts.balance,
                    COALESCE(disputes.expected, 0) AS expected
                FROM (
                    SELECT owner, unit, name, balance FROM ledger_accounts
                    WHERE name IN ('disputed', 'dispute_lost') AND unit <> 'credits'
                ) AS accounts
                    FULL OUTER JOIN (
                        SELECT payer, currency, account, CAST(SUM(amount) AS \(.integer)) AS expected FROM (
                            SELECT payer, currency, amount,
                                CASE WHEN funds = 'lost' THEN 'dispute_lost' ELSE 'disputed' END AS account
                            FROM payment_disputes WHERE funds IN ('withdrawn', 'lost')
                        ) AS open GROUP BY payer, currency, account
                    ) AS disputes
                        ON disputes.payer = accounts.owner AND disputes.currency = accounts.unit
                            AND disputes.account = accounts.name
            ) AS compared WHERE COALESCE(balance, 0) <> expected
            """
        )
    ]
}
