import Modules

/// Invariants of credits, besides those of the ledger.
enum CreditInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a lot's counts are not the sums of its movements",
            """
            SELECT credit_lots.id AS lot, credit_lots.granted, moved.granted AS moved_granted,
                credit_lots.available, moved.available AS moved_available,
                credit_lots.reserved, moved.reserved AS moved_reserved,
                credit_lots.consumed, moved.consumed AS moved_consumed,
                credit_lots.expired, moved.expired AS moved_expired,
                credit_lots.reversed, moved.reversed AS moved_reversed
            FROM credit_lots LEFT JOIN (
                SELECT subject, \(moved("granted", "CASE WHEN source.name = 'issued' THEN amount ELSE 0 END")),
                    \(moved("available", difference("'available'"))),
                    \(moved("reserved", difference("'reserved'"))),
                    \(moved("consumed", difference("'consumed', 'debt'"))),
                    \(moved("expired", difference("'expired'"))),
                    \(moved("reversed", difference("'reversed'")))
                FROM ledger_movements
                    JOIN ledger_accounts AS source ON source.id = from_account
                    JOIN ledger_accounts AS target ON target.id = to_account
                WHERE ledger_movements.unit = 'credits' AND subject IS NOT NULL GROUP BY subject
            ) AS moved ON moved.subject = credit_lots.id
            WHERE moved.subject IS NULL OR credit_lots.granted <> moved.granted
                OR credit_lots.available <> moved.available OR credit_lots.reserved <> moved.reserved
                OR credit_lots.consumed <> moved.consumed OR credit_lots.expired <> moved.expired
                OR credit_lots.reversed <> moved.reversed
            """
        ),
        // The lots of erased organisations are deleted, and the accounts of their movements have pseudonymous owners.
        Invariant(
            "a movement of credits has no lot, or one that does not exist",
            """
            SELECT posting_id, number, amount, subject FROM ledger_movements
                JOIN ledger_accounts AS source ON source.id = from_account
                JOIN organisations ON organisations.id = source.owner
            WHERE ledger_movements.unit = 'credits'
                AND NOT EXISTS (
                    SELECT 1 FROM credit_lots
                    WHERE credit_lots.id = subject AND credit_lots.organisation_id = source.owner
                )
                AND NOT (subject IS NULL AND source.name = 'debt')
            """
        ),
        Invariant(
            "a lot's reserved credits are not the sum of its holds",
            """
            SELECT id AS lot, reserved, held FROM (
                SELECT id, reserved, (
                    SELECT CAST(COALESCE(SUM(credit_hold_parts.units), 0) AS \(.integer)) FROM credit_hold_parts
                        JOIN credit_holds ON credit_holds.id = credit_hold_parts.hold_id
                    WHERE credit_hold_parts.lot_id = credit_lots.id AND credit_holds.state = 'held'
                ) AS held FROM credit_lots
            ) AS lots WHERE reserved <> held
            """
        ),
        Invariant(
            "a hold of credits is not the sum of its parts",
            """
            SELECT id AS hold, units, held FROM (
                SELECT id, units, (
                    SELECT CAST(COALESCE(SUM(units), 0) AS \(.integer)) FROM credit_hold_parts
                    WHERE credit_hold_parts.hold_id = credit_holds.id
                ) AS held FROM credit_holds
            ) AS holds WHERE units <> held
            """
        ),
        Invariant(
            "the units of a committed hold are not the units that its posting consumed",
            """
            SELECT id AS hold, state, actual, consumed, overrun, owed FROM (
                SELECT id, state, COALESCE(actual, 0) AS actual, overrun,
                    (\(consumed("target.name = 'consumed'"))) AS consumed, (\(consumed("source.name = 'debt'"))) AS owed
                FROM credit_holds
            ) AS holds WHERE actual <> consumed OR overrun <> owed
            """
        ),
        Invariant(
            "a trial's credits expire at another time than the trial",
            """
            SELECT credit_lots.id AS lot, credit_lots.expires_at, subscriptions.trial_ends_at FROM credit_lots
                JOIN subscriptions ON subscriptions.id = credit_lots.source
                    AND subscriptions.organisation_id = credit_lots.organisation_id
            WHERE credit_lots.origin = 'trial' AND subscriptions.status = 'trialing'
                AND credit_lots.expires_at <> subscriptions.trial_ends_at
            """
        ),
    ]

    private static func moved(_ name: String, _ amounts: SQL) -> SQL {
        "CAST(COALESCE(SUM(\(amounts)), 0) AS \(.integer)) AS \(SQL(trusted: name))"
    }

    /// The units that enter the accounts, minus those that leave them.
    /// - Parameter names: a list of string literals.
    private static func difference(_ names: SQL) -> SQL {
        """
        CASE WHEN target.name IN (\(names)) THEN amount WHEN source.name IN (\(names)) THEN -amount ELSE 0 END
        """
    }

    /// The units that the commit of a hold moved from or to an account.
    private static func consumed(_ condition: SQL) -> SQL {
        """
        SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM ledger_postings
            JOIN ledger_movements ON ledger_movements.posting_id = ledger_postings.id
            JOIN ledger_accounts AS source ON source.id = from_account
            JOIN ledger_accounts AS target ON target.id = to_account
        WHERE ledger_postings.owner = credit_holds.organisation_id
            AND ledger_postings.operation_key = 'commit:' || credit_holds.id AND \(condition)
        """
    }
}
