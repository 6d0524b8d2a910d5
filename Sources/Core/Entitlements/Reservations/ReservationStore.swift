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
    func use(_ amount: Int64, of bucket: Bucket, limit: Limit) throws -> Bool {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), \(amount), 0 WHERE \(amount) <= \(limit.bound)
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET used = buckets.used + excluded.used
            WHERE buckets.used + buckets.held + excluded.used <= \(limit.bound)
            RETURNING used
            """
        ) != nil
    }

    /// Moves `held` units out of a bucket's promises and `used` units into its use.
    func settle(_ bucket: Bucket, held: Int64, used: Int64) throws {
        try execute(
            """
            UPDATE buckets SET held = held - \(held), used = used + \(used)
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
            """
        )
    }

    func level(of bucket: Bucket) throws -> Level {
        try first(
            """
            SELECT used, held FROM buckets
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) } ?? Level()
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

    /// - Returns: false when the organisation used this operation key before.
    func insertReservation(_ id: ID<Reservation>, _ charge: Charge, operation: String, fingerprint: String, leaseUntil: Instant) throws -> Bool {
        try execute(
            """
            INSERT INTO reservations (id, organisation_id, operation_key, fingerprint, meter, period_start, amount, state, lease_until, fence, created_at)
            VALUES (\(id), \(charge.organisation), \(operation), \(fingerprint), \(charge.meter.name), \(charge.period.start), \(charge.units),
                    'held', \(leaseUntil), 1, \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func reservation(_ id: ID<Reservation>) throws -> Reservation? {
        try first(
            "SELECT id, organisation_id, operation_key, meter, period_start, amount, state, fence FROM reservations WHERE id = \(id) \(.forUpdate)",
            Reservation.init
        )
    }

    func fingerprint(ofOperation operation: String, of organisation: ID<Organisation>) throws -> String? {
        try first("SELECT fingerprint FROM reservations WHERE organisation_id = \(organisation) AND operation_key = \(operation)") { try $0["fingerprint"] }
    }

    /// Compare and set: the one statement that decides who settles a reservation.
    func move(_ reservation: Reservation, from: Reservation.State, to: Reservation.State, actual: Int64) throws -> Bool {
        try execute(
            """
            UPDATE reservations SET state = \(to), actual = \(actual), settled_at = \(now)
            WHERE id = \(reservation.id) AND organisation_id = \(reservation.organisation) AND state = \(from) AND fence = \(reservation.fence)
            """
        ) == 1
    }

    func extend(_ id: ID<Reservation>, until: Instant) throws -> Bool {
        try execute("UPDATE reservations SET lease_until = \(until) WHERE id = \(id) AND state = 'held' AND lease_until < \(until)") == 1
    }

    /// Ends leases that ran out, in small batches.
    func expireReservations(limit: Int) throws -> [Reservation] {
        try all(
            """
            UPDATE reservations SET state = 'expired', fence = fence + 1, settled_at = \(now), actual = 0
            WHERE id IN (SELECT id FROM reservations WHERE state = 'held' AND lease_until < \(now) ORDER BY lease_until LIMIT \(limit) \(.skipLocked))
            RETURNING id, organisation_id, operation_key, meter, period_start, amount, state, fence
            """,
            Reservation.init
        )
    }

    func insertUsage(_ bucket: Bucket, operation: String, amount: Int64, isOverrun: Bool) throws {
        try execute(
            """
            INSERT INTO usage_entries (organisation_id, operation_key, meter, period_start, amount, is_overrun, occurred_at)
            VALUES (\(bucket.organisation), \(operation), \(bucket.meter), \(bucket.periodStart), \(amount), \(isOverrun), \(now))
            """
        )
    }
}
