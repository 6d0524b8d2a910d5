import Identity
import Ledger
import Modules

/// All SQL about lots of credits. Their counts change only by the guarded statement of `move`, while the organisation's
/// credits are locked.
extension Transaction {
    func insertLot(_ id: ID<CreditLot>, of organisation: ID<Organisation>, _ grant: CreditGrant) throws {
        try execute(
            """
            INSERT INTO credit_lots (
                id, organisation_id, origin, source, granted, available, reserved, consumed, expired, reversed,
                expires_at, created_at
            )
            VALUES (
                \(id), \(organisation), \(grant.origin), \(grant.source), \(grant.units), \(grant.units), 0, 0, 0, 0,
                \(grant.expiresAt), \(now)
            )
            """
        )
    }

    /// - Returns: false where the lot has fewer units in the state `from`; it is unchanged then.
    func move(
        _ units: Int64, of lot: ID<CreditLot>, in organisation: ID<Organisation>, from: CreditLot.State,
        to: CreditLot.State
    ) throws -> Bool {
        let (source, target) = (SQL(trusted: from.rawValue), SQL(trusted: to.rawValue))
        return try execute(
            """
            UPDATE credit_lots SET \(source) = \(source) - \(units), \(target) = \(target) + \(units)
            WHERE id = \(lot) AND organisation_id = \(organisation) AND \(source) >= \(units)
            """
        ) == 1
    }

    func setLotExpiry(_ id: ID<CreditLot>, of organisation: ID<Organisation>, at end: Instant) throws {
        try execute("UPDATE credit_lots SET expires_at = \(end) WHERE id = \(id) AND organisation_id = \(organisation)")
    }

    func lot(_ id: ID<CreditLot>, of organisation: ID<Organisation>) throws -> CreditLot? {
        try first(
            "SELECT \(Self.lotColumns) FROM credit_lots WHERE id = \(id) AND organisation_id = \(organisation)",
            CreditLot.init)
    }

    func lot(from source: String, _ origin: CreditLot.Origin, of organisation: ID<Organisation>) throws -> CreditLot? {
        try first(
            """
            SELECT \(Self.lotColumns) FROM credit_lots
            WHERE organisation_id = \(organisation) AND origin = \(origin) AND source = \(source)
            ORDER BY created_at DESC, id DESC LIMIT 1
            """,
            CreditLot.init
        )
    }

    /// The fewest lots, soonest-to-expire first, that together have `units` available credits, with the available
    /// credits of each.
    func lotsToSpend(_ units: Int64, of organisation: ID<Organisation>) throws -> [(
        id: ID<CreditLot>, available: Int64
    )] {
        try all(
            """
            SELECT id, available FROM (
                SELECT id, available, SUM(available) OVER (ORDER BY \(Self.creditSpendingOrder)) - available AS taken
                FROM credit_lots
                WHERE organisation_id = \(organisation) AND available > 0
                    AND (expires_at IS NULL OR expires_at > \(now))
            ) AS lots WHERE taken < \(units) ORDER BY taken
            """
        ) { (try $0["id"], try $0["available"]) }
    }

    /// The current balance. Lots that have expired do not count, also where no job has expired them yet.
    func creditBalance(of organisation: ID<Organisation>) throws -> CreditBalance {
        try first(
            """
            SELECT
                CAST(
                    COALESCE(SUM(CASE WHEN expires_at IS NULL OR expires_at > \(now) THEN available ELSE 0 END), 0)
                    AS \(.integer)
                ) AS available,
                CAST(COALESCE(SUM(reserved), 0) AS \(.integer)) AS reserved,
                (SELECT CAST(COALESCE(SUM(-balance), 0) AS \(.integer)) FROM ledger_accounts
                    WHERE owner = \(organisation) AND unit = \(LedgerUnit.credits)
                        AND name = \(CreditAccount.debt.name)) AS debt
            FROM credit_lots WHERE organisation_id = \(organisation) AND (available > 0 OR reserved > 0)
            """
        ) { CreditBalance(available: try $0["available"], reserved: try $0["reserved"], debt: try $0["debt"]) }
            ?? CreditBalance(available: 0, reserved: 0, debt: 0)
    }

    /// The available credits of lots that had expired at a moment, where no job has expired them yet.
    func overdueCredits(of organisation: ID<Organisation>, at moment: Instant) throws -> Int64 {
        try count(
            """
            SELECT CAST(COALESCE(SUM(available), 0) AS \(.integer)) AS count FROM credit_lots
            WHERE organisation_id = \(organisation) AND available > 0 AND expires_at <= \(moment)
            """
        )
    }

    /// Lots in the order in which they are spent, then used-up lots.
    func lots(of organisation: ID<Organisation>, limit: Int) throws -> [CreditLot] {
        try all(
            """
            SELECT \(Self.lotColumns) FROM credit_lots WHERE organisation_id = \(organisation)
            ORDER BY CASE WHEN available > 0 OR reserved > 0 THEN 0 ELSE 1 END, \(Self.creditSpendingOrder)
            LIMIT \(limit)
            """,
            CreditLot.init
        )
    }

    /// Lots that have expired and still have available credits, by organisation.
    func lotsToExpire(limit: Int) throws -> [(lot: ID<CreditLot>, organisation: ID<Organisation>)] {
        try all(
            """
            SELECT id, organisation_id FROM (
                SELECT id, organisation_id FROM credit_lots WHERE available > 0 AND expires_at <= \(now)
                ORDER BY expires_at LIMIT \(limit)
            ) AS due ORDER BY organisation_id, id
            """
        ) { (try $0["id"], try $0["organisation_id"]) }
    }

    /// Soonest to expire first. SQLite sorts NULL first, PostgreSQL last.
    static var creditSpendingOrder: SQL {
        "CASE WHEN expires_at IS NULL THEN 1 ELSE 0 END, expires_at, created_at, id"
    }

    private static var lotColumns: SQL {
        """
        id, organisation_id, origin, source, granted, available, reserved, consumed, expired, reversed, expires_at,
        created_at
        """
    }
}
