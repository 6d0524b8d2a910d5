import Modules

/// Conditions between payouts, their attempts and the ledger.
enum PayoutInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a payee's payout account is not what its payouts add up to",
            """
            SELECT owner, unit, name, balance, expected FROM (
                SELECT accounts.owner, accounts.unit, accounts.name, accounts.balance,
                    COALESCE(payouts.expected, 0) AS expected
                FROM (
                    SELECT owner, unit, name, balance FROM ledger_accounts
                    WHERE name IN ('payout_pending', 'in_transit', 'paid_out') AND unit <> 'credits'
                ) AS accounts
                    FULL OUTER JOIN (
                        SELECT payee, currency, account, CAST(SUM(units) AS \(.integer)) AS expected FROM (
                            SELECT payee, currency,
                                CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN 'payout_pending'
                                    WHEN paid_at IS NOT NULL AND returned_at IS NULL THEN 'paid_out'
                                    ELSE 'in_transit' END AS account,
                                CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN amount
                                    ELSE amount - commission - remainder END AS units
                            FROM payouts WHERE state NOT IN ('refused', 'canceled', 'reversed')
                        ) AS live GROUP BY payee, currency, account
                    ) AS payouts
                        ON payouts.payee = accounts.owner AND payouts.currency = accounts.unit
                            AND payouts.account = accounts.name
            ) AS compared WHERE COALESCE(balance, 0) <> expected
            """
        ),
        Invariant(
            "a payout's movements are not those of its state",
            """
            SELECT payouts.id, payouts.state, payouts.amount, moved.pending, moved.transferred, moved.taken_back
            FROM payouts LEFT JOIN (
                SELECT subject,
                    CAST(SUM(CASE WHEN target.name = 'payout_pending' THEN ledger_movements.amount
                        WHEN source.name = 'payout_pending' THEN -ledger_movements.amount ELSE 0 END) AS \(.integer))
                        AS pending,
                    CAST(SUM(CASE WHEN source.name = 'payout_pending' AND target.name = 'in_transit'
                        THEN ledger_movements.amount ELSE 0 END) AS \(.integer)) AS transferred,
                    CAST(SUM(CASE WHEN source.name IN ('in_transit', 'paid_out')
                        AND target.name NOT IN ('in_transit', 'paid_out')
                        THEN ledger_movements.amount ELSE 0 END) AS \(.integer)) AS taken_back
                FROM ledger_movements
                    JOIN ledger_accounts AS source ON source.id = from_account
                    JOIN ledger_accounts AS target ON target.id = to_account
                WHERE subject IN (SELECT id FROM payouts) GROUP BY subject
            ) AS moved ON moved.subject = payouts.id
            WHERE NOT COALESCE(
                moved.pending = CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN amount ELSE 0 END
                AND moved.transferred = CASE WHEN transfer_id IS NULL THEN 0
                    ELSE amount - commission - remainder END
                AND moved.taken_back = CASE WHEN state = 'reversed' THEN amount - commission - remainder ELSE 0 END,
                false)
            """
        ),
        Invariant(
            "a payout and its attempts contradict each other",
            """
            SELECT payouts.id, payouts.state, attempts.done, attempts.open FROM payouts LEFT JOIN (
                SELECT payout_id, SUM(CASE WHEN outcome = 'done' THEN 1 ELSE 0 END) AS done,
                    SUM(CASE WHEN outcome IS NULL THEN 1 ELSE 0 END) AS open
                FROM payout_attempts WHERE kind = 'transfer' GROUP BY payout_id
            ) AS attempts ON attempts.payout_id = payouts.id
            WHERE COALESCE(attempts.done, 0) <> CASE WHEN transfer_id IS NULL THEN 0 ELSE 1 END
                OR COALESCE(attempts.open, 0) <> CASE WHEN state IN ('sending', 'unknown') THEN 1 ELSE 0 END
            """
        ),
    ]
}
