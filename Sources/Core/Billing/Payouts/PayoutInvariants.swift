import Modules

/// Conditions between payouts, their attempts and the ledger.
enum PayoutInvariants {
    static let all: [Invariant] = [
        // The longest one is begun first, so that it does not run alone at the end.
        Invariant(
            "a payout's movements are not those of its state",
            """
            SELECT id, state, amount, net, pending, transferred, taken_back FROM (
                SELECT payouts.id, state, payouts.amount, transfer_id,
                    payouts.amount - commission - remainder AS net,
                    \(moved("to_account = pending.id", minus: "from_account = pending.id")) AS pending,
                    \(moved("from_account = pending.id AND to_account = transit.id")) AS transferred,
                    \(moved("""
                        (from_account = transit.id AND (bank.id IS NULL OR to_account <> bank.id))
                            OR (from_account = bank.id AND to_account <> transit.id)
                        """)) AS taken_back
                FROM payouts
                    \(account("pending", named: "payout_pending")) \(account("transit", named: "in_transit"))
                    \(account("bank", named: "paid_out"))
                    LEFT JOIN ledger_movements ON ledger_movements.subject = payouts.id
                GROUP BY payouts.id
            ) AS moved
            WHERE pending <> CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN amount ELSE 0 END
                OR transferred <> CASE WHEN transfer_id IS NULL THEN 0 ELSE net END
                OR taken_back <> CASE WHEN state = 'reversed' THEN net ELSE 0 END
            """
        ),
        Invariant(
            "a payout is held for no reason, or another one for a reason",
            "SELECT id, state, held_for FROM payouts WHERE (state = 'held') <> (held_for IS NOT NULL)"
        ),
        Invariant(
            "a payee's payout account is not what its payouts add up to",
            """
            SELECT owner, unit, name, CAST(SUM(balance) AS \(.integer)) AS balance,
                CAST(SUM(expected) AS \(.integer)) AS expected
            FROM (
                SELECT owner, unit, name, balance, 0 AS expected FROM ledger_accounts
                WHERE name IN ('payout_pending', 'in_transit', 'paid_out') AND unit <> 'credits'
                UNION ALL
                SELECT payee, currency,
                    CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN 'payout_pending'
                        WHEN paid_at IS NOT NULL AND returned_at IS NULL THEN 'paid_out' ELSE 'in_transit' END,
                    0,
                    CASE WHEN state IN ('held', 'reserved', 'sending', 'unknown') THEN amount
                        ELSE amount - commission - remainder END
                FROM payouts WHERE state NOT IN ('refused', 'canceled', 'reversed')
            ) AS both_sides GROUP BY owner, unit, name HAVING SUM(balance) <> SUM(expected)
            """
        ),
        Invariant(
            "a payout and its attempts contradict each other",
            """
            SELECT id, state, done, open FROM (
                SELECT payouts.id, payouts.state, transfer_id,
                    COUNT(CASE WHEN outcome = 'done' THEN 1 END) AS done,
                    COUNT(CASE WHEN payout_id IS NOT NULL AND outcome IS NULL THEN 1 END) AS open
                FROM payouts LEFT JOIN payout_attempts ON payout_id = payouts.id AND kind = 'transfer'
                GROUP BY payouts.id
            ) AS attempts
            WHERE done <> CASE WHEN transfer_id IS NULL THEN 0 ELSE 1 END
                OR open <> CASE WHEN state IN ('sending', 'unknown') THEN 1 ELSE 0 END
            """
        ),
    ]

    /// The payee's account of a name.
    private static func account(_ alias: String, named name: String) -> SQL {
        SQL(
            trusted: """
                LEFT JOIN ledger_accounts AS \(alias) ON \(alias).owner = payouts.payee
                    AND \(alias).unit = payouts.currency AND \(alias).name = '\(name)'
                """)
    }

    /// The minor units of movements that meet a condition, minus those that meet another.
    private static func moved(_ condition: SQL, minus other: SQL = "1 = 0") -> SQL {
        """
        CAST(SUM(CASE WHEN \(condition) THEN ledger_movements.amount
            WHEN \(other) THEN -ledger_movements.amount ELSE 0 END) AS \(.integer))
        """
    }
}
