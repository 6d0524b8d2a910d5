import Identity
import Ledger
import Modules

/// Every SQL statement about lots. Their counts change by one guarded statement alone, and only while their organisation is locked.
extension Transaction {
    func insertLot(_ id: ID<CreditLot>, of organisation: ID<Organisation>, _ grant: CreditGrant) throws {
        try execute(
            """
            INSERT INTO credit_lots (id, organisation_id, origin, source, granted, available, reserved, consumed, expired, reversed, expires_at, created_at)
            VALUES (\(id), \(organisation), \(grant.origin), \(grant.source), \(grant.units), \(grant.units), 0, 0, 0, 0, \(grant.expiresAt), \(now))
            """
        )
    }

    /// - Returns: false where the lot holds less in that place; nothing has changed then.
    func move(
        _ units: Int64, of lot: ID<CreditLot>, in organisation: ID<Organisation>, from: CreditPlace, to: CreditPlace
    ) throws -> Bool {
        let (source, target) = (SQL(trusted: from.rawValue), SQL(trusted: to.rawValue))
        return try execute(
            """
            UPDATE credit_lots SET \(source) = \(source) - \(units), \(target) = \(target) + \(units)
            WHERE id = \(lot) AND organisation_id = \(organisation) AND \(source) >= \(units)
            """
        ) == 1
    }

    func endLot(_ id: ID<CreditLot>, of organisation: ID<Organisation>, at end: Instant) throws {
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
            WHERE organisation_id = \(organisation) AND origin = \(origin) AND source = \(source) ORDER BY created_at DESC, id DESC LIMIT 1
            """,
            CreditLot.init
        )
    }

    /// The lots that `units` credits come from, the soonest to expire first, and what each of them gives: no more lots than it takes.
    func lotsToSpend(_ units: Int64, of organisation: ID<Organisation>) throws -> [(
        id: ID<CreditLot>, available: Int64
    )] {
        try all(
            """
            SELECT id, available FROM (
                SELECT id, available, SUM(available) OVER (ORDER BY \(Self.spendingOrder)) - available AS taken
                FROM credit_lots WHERE organisation_id = \(organisation) AND available > 0 AND (expires_at IS NULL OR expires_at > \(now))
            ) AS lots WHERE taken < \(units) ORDER BY taken
            """
        ) { (try $0["id"], try $0["available"]) }
    }

    /// What can be spent now; lots that expired and that nobody has written off yet count no more.
    func creditBalance(of organisation: ID<Organisation>) throws -> CreditBalance {
        try first(
            """
            SELECT CAST(COALESCE(SUM(CASE WHEN expires_at IS NULL OR expires_at > \(now) THEN available ELSE 0 END), 0) AS \(.integer)) AS available,
                CAST(COALESCE(SUM(reserved), 0) AS \(.integer)) AS reserved,
                (SELECT CAST(COALESCE(SUM(-balance), 0) AS \(.integer)) FROM ledger_accounts
                    WHERE owner = \(organisation) AND unit = \(LedgerUnit.credits) AND name = \(CreditAccount.debt.name)) AS debt
            FROM credit_lots WHERE organisation_id = \(organisation) AND (available > 0 OR reserved > 0)
            """
        ) { CreditBalance(available: try $0["available"], reserved: try $0["reserved"], debt: try $0["debt"]) }
            ?? CreditBalance(available: 0, reserved: 0, debt: 0)
    }

    /// What lots still have that are over at a moment, and that nobody has written off yet.
    func overdueCredits(of organisation: ID<Organisation>, at moment: Instant) throws -> Int64 {
        try count(
            """
            SELECT CAST(COALESCE(SUM(available), 0) AS \(.integer)) AS count FROM credit_lots
            WHERE organisation_id = \(organisation) AND available > 0 AND expires_at <= \(moment)
            """
        )
    }

    /// Lots in the order in which they are spent, those that are used up last.
    func lots(of organisation: ID<Organisation>, limit: Int) throws -> [CreditLot] {
        try all(
            """
            SELECT \(Self.lotColumns) FROM credit_lots WHERE organisation_id = \(organisation)
            ORDER BY CASE WHEN available > 0 OR reserved > 0 THEN 0 ELSE 1 END, \(Self.spendingOrder) LIMIT \(limit)
            """,
            CreditLot.init
        )
    }

    /// Lots that expired and still have something to spend, by organisation.
    func lotsToExpire(limit: Int) throws -> [(lot: ID<CreditLot>, organisation: ID<Organisation>)] {
        try all(
            """
            SELECT id, organisation_id FROM (
                SELECT id, organisation_id FROM credit_lots WHERE available > 0 AND expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)
            ) AS due ORDER BY organisation_id, id
            """
        ) { (try $0["id"], try $0["organisation_id"]) }
    }

    /// Soonest to expire first. SQLite puts NULL before everything, PostgreSQL behind.
    private static var spendingOrder: SQL {
        "CASE WHEN expires_at IS NULL THEN 1 ELSE 0 END, expires_at, created_at, id"
    }

    private static var lotColumns: SQL {
        "id, organisation_id, origin, source, granted, available, reserved, consumed, expired, reversed, expires_at, created_at"
    }
}

/// Every SQL statement about holds.
extension Transaction {
    func insertHold(
        _ id: ID<CreditHold>, of organisation: ID<Organisation>, units: Int64, operation: String, fingerprint: String,
        leaseUntil: Instant
    ) throws {
        try execute(
            """
            INSERT INTO credit_holds (id, organisation_id, operation_key, fingerprint, units, overrun, state, lease_until, created_at)
            VALUES (\(id), \(organisation), \(operation), \(fingerprint), \(units), 0, 'held', \(leaseUntil), \(now))
            """
        )
    }

    func insertPart(_ units: Int64, of lot: ID<CreditLot>, in hold: ID<CreditHold>) throws {
        try execute("INSERT INTO credit_hold_parts (hold_id, lot_id, units) VALUES (\(hold), \(lot), \(units))")
    }

    func creditHold(_ id: ID<CreditHold>, of organisation: ID<Organisation>) throws -> CreditHold? {
        try first(
            "SELECT \(Self.holdColumns) FROM credit_holds WHERE id = \(id) AND organisation_id = \(organisation)",
            CreditHold.init)
    }

    func creditHold(ofOperation operation: String, of organisation: ID<Organisation>) throws -> CreditHold? {
        try first(
            "SELECT \(Self.holdColumns) FROM credit_holds WHERE organisation_id = \(organisation) AND operation_key = \(operation)",
            CreditHold.init)
    }

    /// What a hold holds, in the order in which it is consumed.
    func parts(of hold: ID<CreditHold>) throws -> [CreditHold.Part] {
        try all(
            """
            SELECT credit_lots.id, credit_hold_parts.units, CASE WHEN expires_at <= \(now) THEN 1 ELSE 0 END AS is_over
            FROM credit_hold_parts JOIN credit_lots ON credit_lots.id = credit_hold_parts.lot_id
            WHERE hold_id = \(hold) ORDER BY \(Self.spendingOrder)
            """
        ) { CreditHold.Part(lot: try $0["id"], units: try $0["units"], isOver: try $0["is_over"]) }
    }

    /// Compare and set: the one statement that decides who settles a hold.
    func settle(
        _ hold: CreditHold, of organisation: ID<Organisation>, as state: CreditHold.State, actual: Int64, overrun: Int64
    ) throws -> Bool {
        try execute(
            """
            UPDATE credit_holds SET state = \(state), actual = \(actual), overrun = \(overrun), settled_at = \(now)
            WHERE id = \(hold.id) AND organisation_id = \(organisation) AND state = \(hold.state)
            """
        ) == 1
    }

    func extendHold(_ id: ID<CreditHold>, of organisation: ID<Organisation>, until: Instant) throws -> Bool {
        try execute(
            """
            UPDATE credit_holds SET lease_until = \(until)
            WHERE id = \(id) AND organisation_id = \(organisation) AND state = 'held' AND lease_until < \(until)
            """
        ) == 1
    }

    /// Holds whose lease ran out, by organisation.
    func holdsToExpire(limit: Int) throws -> [(hold: ID<CreditHold>, organisation: ID<Organisation>)] {
        try all(
            """
            SELECT id, organisation_id FROM (
                SELECT id, organisation_id FROM credit_holds WHERE state = 'held' AND lease_until < \(now) ORDER BY lease_until LIMIT \(limit)
            ) AS due ORDER BY organisation_id, id
            """
        ) { (try $0["id"], try $0["organisation_id"]) }
    }

    func isDue(_ hold: ID<CreditHold>, of organisation: ID<Organisation>) throws -> Bool {
        try count(
            "SELECT COUNT(*) AS count FROM credit_holds WHERE id = \(hold) AND organisation_id = \(organisation) AND state = 'held' AND lease_until < \(now)"
        ) == 1
    }

    private static var holdColumns: SQL { "id, operation_key, fingerprint, units, state" }
}

extension CreditHold {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        units = try row["units"]
        state = try row["state"]
    }
}
