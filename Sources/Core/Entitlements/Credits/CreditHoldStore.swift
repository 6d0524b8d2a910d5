import Identity
import Modules

/// All SQL about holds of credits.
extension Transaction {
    func insertHold(
        _ id: ID<CreditHold>, of organisation: ID<Organisation>, units: Int64, operation: String, fingerprint: String,
        leaseUntil: Instant
    ) throws {
        try execute(
            """
            INSERT INTO credit_holds (
                id, organisation_id, operation_key, fingerprint, units, overrun, state, lease_until, created_at
            )
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
            """
            SELECT \(Self.holdColumns) FROM credit_holds
            WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            """,
            CreditHold.init)
    }

    /// The parts of a hold, in the order in which they are consumed.
    func parts(of hold: ID<CreditHold>) throws -> [CreditHold.Part] {
        try all(
            """
            SELECT credit_lots.id, credit_hold_parts.units,
                CASE WHEN expires_at <= \(now) THEN 1 ELSE 0 END AS is_expired
            FROM credit_hold_parts JOIN credit_lots ON credit_lots.id = credit_hold_parts.lot_id
            WHERE hold_id = \(hold) ORDER BY \(Self.creditSpendingOrder)
            """
        ) { CreditHold.Part(lot: try $0["id"], units: try $0["units"], isExpired: try $0["is_expired"]) }
    }

    /// Compare-and-set on the state: of concurrent transitions, one succeeds.
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
            WHERE id = \(id) AND organisation_id = \(organisation) AND state = 'held'
                AND lease_until >= \(now) AND lease_until < \(until)
            """
        ) == 1
    }

    /// Holds whose lease has ended, by organisation.
    func holdsToExpire(limit: Int) throws -> [(hold: ID<CreditHold>, organisation: ID<Organisation>)] {
        try all(
            """
            SELECT id, organisation_id FROM (
                SELECT id, organisation_id FROM credit_holds WHERE state = 'held' AND lease_until < \(now)
                ORDER BY lease_until LIMIT \(limit)
            ) AS due ORDER BY organisation_id, id
            """
        ) { (try $0["id"], try $0["organisation_id"]) }
    }

    func isDue(_ hold: ID<CreditHold>, of organisation: ID<Organisation>) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM credit_holds
            WHERE id = \(hold) AND organisation_id = \(organisation) AND state = 'held' AND lease_until < \(now)
            """
        ) == 1
    }

    private static var holdColumns: SQL { "id, operation_key, fingerprint, units, state" }
}
