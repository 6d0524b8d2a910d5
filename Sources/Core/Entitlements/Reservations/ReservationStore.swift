import Identity
import Modules

/// Every SQL statement about buckets, reservations and usage. Counters change by guarded statements alone: they are never read first.
extension Transaction {
    /// Takes units out of a bucket's room.
    /// - Returns: false when they do not fit; nothing has changed then.
    func hold(_ amount: Int64, in bucket: Bucket, limit: Limit) throws -> Bool {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), 0, \(amount) WHERE \(amount) <= \(limit.bound)
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET held = buckets.held + excluded.held
            WHERE buckets.used + buckets.held + excluded.held <= \(limit.bound)
            RETURNING held
            """
        ) != nil
    }

    /// Uses units at once, if they fit.
    /// - Returns: the bucket's level afterwards; nil when they do not fit, and nothing has changed then.
    @discardableResult
    func use(_ amount: Int64, of bucket: Bucket, limit: Limit) throws -> Level? {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), \(amount), 0 WHERE \(amount) <= \(limit.bound)
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET used = buckets.used + excluded.used
            WHERE buckets.used + buckets.held + excluded.used <= \(limit.bound)
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) }
    }

    /// Moves `held` units out of a bucket's promises and `used` units into its use.
    /// - Returns: the bucket's level afterwards; nil where there is no such bucket.
    @discardableResult
    func settle(_ bucket: Bucket, held: Int64, used: Int64) throws -> Level? {
        try first(
            """
            UPDATE buckets SET held = held - \(held), used = used + \(used)
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) }
    }

    func level(of bucket: Bucket) throws -> Level {
        try first(
            """
            SELECT used, held FROM buckets
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) } ?? Level()
    }

    /// As ``level(of:)``, kept from others until the transaction ends.
    func lockedLevel(of bucket: Bucket) throws -> (level: Level, recalledAt: Instant?) {
        try first(
            """
            SELECT used, held, recalled_at FROM buckets
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart) \(.forUpdate)
            """
        ) { (Level(used: try $0["used"], held: try $0["held"]), try $0["recalled_at"]) } ?? (Level(), nil)
    }

    /// The levels of a period, and that of storage, by meter.
    func levels(of organisation: ID<Organisation>, in period: Period) throws -> [String: Level] {
        let rows = try all(
            """
            SELECT meter, used, held FROM buckets
            WHERE organisation_id = \(organisation) AND period_start IN (\(period.start), 0)
            """
        ) { row in (try row["meter"] as String, Level(used: try row["used"], held: try row["held"])) }
        return Dictionary(rows) { first, _ in first }
    }

    // MARK: Reservations

    /// - Parameter node: whose it is, where it dies with its process.
    /// - Returns: false when the organisation used this operation key before.
    func insert(_ reservation: Reservation, node: Node?, isBlock: Bool = false) throws -> Bool {
        let owner = reservation.life == .process ? node : nil
        return try execute(
            """
            INSERT INTO reservations (id, organisation_id, operation_key, fingerprint, meter, period_start, amount, state, lease_until, fence, created_at,
                                      life, excess, on_loss, asks, node, epoch, is_block)
            VALUES (\(reservation.id), \(reservation.organisation), \(reservation.operation), \(reservation.fingerprint), \(reservation.bucket.meter),
                    \(reservation.bucket.periodStart), \(reservation.amount), 'held', \(reservation.leaseUntil), \(reservation.fence), \(now),
                    \(reservation.life), \(reservation.excess), \(reservation.loss.policy), \(reservation.loss.witness), \(owner?.name), \(owner?.epoch), \(isBlock ? 1 : 0))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Takes one back that this transaction has just written.
    func delete(_ reservation: Reservation) throws {
        try execute(
            "DELETE FROM reservations WHERE id = \(reservation.id) AND organisation_id = \(reservation.organisation) AND state = 'held'"
        )
    }

    /// Kept from others until the transaction ends.
    func reservation(_ id: ID<Reservation>) throws -> Reservation? {
        try first(
            "SELECT \(Self.reservationColumns) FROM reservations WHERE id = \(id) \(.forUpdate)", Reservation.init)
    }

    func reservation(ofOperation operation: String, of organisation: ID<Organisation>) throws -> Reservation? {
        try first(
            "SELECT \(Self.reservationColumns) FROM reservations WHERE organisation_id = \(organisation) AND operation_key = \(operation)",
            Reservation.init)
    }

    /// Compare and set: the one statement that decides who moves a reservation.
    /// - Parameter earlier: as it was read.
    func move(_ earlier: Reservation, to later: Reservation) throws -> Bool {
        try execute(
            """
            UPDATE reservations SET state = \(later.state), fence = \(later.fence), lease_until = \(later.leaseUntil), actual = \(later.actual),
                settled_at = \(later.state == .held ? nil : now)
            WHERE id = \(earlier.id) AND organisation_id = \(earlier.organisation) AND state = \(earlier.state) AND fence = \(earlier.fence)
            """
        ) == 1
    }

    /// Makes the move ``Reservation/lose(_:room:at:)`` with those that are lost and for which nobody is to be asked, in small batches.
    func loseReservations(_ loss: LossCause, limit: Int) throws -> [Reservation] {
        try all(
            """
            UPDATE reservations
            SET state = CASE on_loss WHEN 'settle' THEN 'committed' ELSE 'expired' END, actual = CASE on_loss WHEN 'settle' THEN amount ELSE 0 END,
                fence = fence + 1, settled_at = \(now)
            WHERE id IN (
                SELECT id FROM reservations WHERE state = 'held' AND asks IS NULL AND \(condition(of: loss)) ORDER BY lease_until LIMIT \(limit) \(.skipLocked)
            )
            RETURNING \(Self.reservationColumns)
            """,
            Reservation.init
        )
    }

    /// Those that are lost and for which somebody is to be asked, the longest lost first.
    /// - Parameter last: where the page before this one ended.
    func reservationsToAskAfter(_ loss: LossCause, after last: (Instant, String), limit: Int) throws -> [Reservation] {
        try all(
            """
            SELECT \(Self.reservationColumns) FROM reservations
            WHERE state = 'held' AND asks IS NOT NULL AND \(condition(of: loss)) AND (lease_until, id) > (\(last.0), \(last.1))
            ORDER BY lease_until, id LIMIT \(limit)
            """,
            Reservation.init
        )
    }

    /// Kept from others until the transaction ends.
    /// - Returns: nil where it is lost no more, or somebody else is about to settle it.
    func lostReservation(_ id: ID<Reservation>, _ loss: LossCause) throws -> Reservation? {
        try first(
            "SELECT \(Self.reservationColumns) FROM reservations WHERE id = \(id) AND state = 'held' AND \(condition(of: loss)) \(.skipLocked)",
            Reservation.init)
    }

    /// It is no process's any more: its lease alone ends it.
    func disown(_ reservation: Reservation) throws {
        try execute(
            "UPDATE reservations SET life = 'work', node = NULL, epoch = NULL WHERE id = \(reservation.id) AND state = 'held'"
        )
    }

    private func condition(of loss: LossCause) -> SQL {
        switch loss {
        case .leaseEnded: "lease_until < \(now)"
        case .processDied(let node): "life = 'process' AND node = \(node.name) AND epoch < \(node.epoch)"
        }
    }

    private static let reservationColumns: SQL =
        "id, organisation_id, operation_key, fingerprint, meter, period_start, amount, actual, state, lease_until, fence, life, excess, on_loss, asks"

    // MARK: Usage

    /// - Returns: false when the organisation used this operation key before.
    @discardableResult
    func insertUsage(_ bucket: Bucket, operation: String, amount: Int64, beyond: Int64 = 0, isOverrun: Bool = false)
        throws -> Bool
    {
        try execute(
            """
            INSERT INTO usage_entries (organisation_id, operation_key, meter, period_start, amount, beyond, is_overrun, occurred_at)
            VALUES (\(bucket.organisation), \(operation), \(bucket.meter), \(bucket.periodStart), \(amount), \(beyond), \(isOverrun), \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Takes one back that this transaction has just written.
    func deleteUsage(ofOperation operation: String, of organisation: ID<Organisation>) throws {
        try execute(
            "DELETE FROM usage_entries WHERE organisation_id = \(organisation) AND operation_key = \(operation)")
    }

    func usage(ofOperation operation: String, of organisation: ID<Organisation>) throws -> (
        meter: String, amount: Int64
    )? {
        try first(
            "SELECT meter, amount FROM usage_entries WHERE organisation_id = \(organisation) AND operation_key = \(operation)"
        ) {
            (try $0["meter"], try $0["amount"])
        }
    }

    /// Whether something was admitted under this key.
    func isKnown(operation: String, of organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS known FROM reservations WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            UNION ALL SELECT 1 FROM usage_entries WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            """
        ) != nil
    }
}
