import Identity
import Modules

/// All SQL about buckets, reservations and the usage entries that they make. Counters change only by guarded
/// statements, never by read-then-write.
extension Transaction {
    // MARK: Buckets

    /// Reserves units in a bucket.
    /// - Parameter basis: of the limit; nil where the transaction has read the limit itself.
    /// - Returns: the bucket's level afterwards; nil when they exceed the limit, or the limit has another basis now.
    ///   The bucket is unchanged then.
    func hold(_ amount: Int64, in bucket: Bucket, limit: Limit, basis: Entitlement.Basis? = nil) throws -> Level? {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), 0, \(amount)
                WHERE \(amount) <= \(limit.bound) \(Self.isCurrent(basis))
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET held = buckets.held + excluded.held
                WHERE buckets.used + buckets.held + excluded.held <= \(limit.bound)
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) }
    }

    /// Uses units at once.
    /// - Parameter basis: as for ``hold(_:in:limit:basis:)``.
    /// - Returns: the bucket's level afterwards; nil when the units exceed the limit, or the limit has another basis
    ///   now. The bucket is unchanged then.
    @discardableResult
    func use(_ amount: Int64, of bucket: Bucket, limit: Limit, basis: Entitlement.Basis? = nil) throws -> Level? {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), \(amount), 0
                WHERE \(amount) <= \(limit.bound) \(Self.isCurrent(basis))
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET used = buckets.used + excluded.used
                WHERE buckets.used + buckets.held + excluded.used <= \(limit.bound)
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) }
    }

    /// A further condition: that subscription and plans have not changed since.
    private static func isCurrent(_ basis: Entitlement.Basis?) -> SQL {
        guard let basis else { return "" }
        return """
            AND EXISTS (SELECT 1 FROM subscriptions WHERE id = \(basis.subscription) AND version = \(basis.version))
                AND (SELECT COUNT(*) FROM plan_versions) = \(basis.planVersions)
            """
    }

    /// Subtracts `held` units from the reserved count and adds `used` units to the used count.
    /// - Returns: the bucket's level afterwards; nil where the bucket does not exist.
    @discardableResult
    func settle(_ bucket: Bucket, held: Int64, used: Int64) throws -> Level? {
        try first(
            """
            UPDATE buckets SET held = held - \(held), used = used + \(used)
            WHERE \(Self.row(bucket))
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) }
    }

    func level(of bucket: Bucket) throws -> Level {
        try first("SELECT used, held FROM buckets WHERE \(Self.row(bucket))") {
            Level(used: try $0["used"], held: try $0["held"])
        } ?? Level()
    }

    /// As ``level(of:)``; the row is locked until the transaction ends.
    func lockedLevel(of bucket: Bucket) throws -> (level: Level, recalledAt: Instant?) {
        try first("SELECT used, held, recalled_at FROM buckets WHERE \(Self.row(bucket)) \(.forUpdate)") {
            (Level(used: try $0["used"], held: try $0["held"]), try $0["recalled_at"])
        } ?? (Level(), nil)
    }

    /// The levels of a period and of storage, by meter.
    func levels(of organisation: ID<Organisation>, in period: Period) throws -> [String: Level] {
        let rows = try all(
            """
            SELECT meter, used, held FROM buckets
            WHERE organisation_id = \(organisation) AND period_start IN (\(period.start), 0)
            """
        ) { row in (try row["meter"] as String, Level(used: try row["used"], held: try row["held"])) }
        return Dictionary(rows) { first, _ in first }
    }

    /// The condition that selects the row of a bucket.
    private static func row(_ bucket: Bucket) -> SQL {
        """
        organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
        """
    }

    // MARK: Reservations

    /// - Parameter node: the owner, stored where the reservation's lifetime is that of the process.
    /// - Returns: false when the organisation used this operation key before.
    func insert(_ reservation: Reservation, node: Node?, isBlock: Bool = false) throws -> Bool {
        let owner = reservation.lifetime == .process ? node : nil
        let (bucket, onExpiry) = (reservation.bucket, reservation.onExpiry)
        return try execute(
            """
            INSERT INTO reservations (
                id, organisation_id, operation_key, fingerprint, meter, period_start, amount,
                state, lease_until, fence, created_at,
                lifetime, on_expiry, resolver, node, epoch, is_block
            )
            SELECT \(reservation.id), \(reservation.organisation), \(reservation.operation), \(reservation.fingerprint),
                \(bucket.meter), \(bucket.periodStart), \(reservation.amount),
                'held', \(reservation.leaseUntil), \(reservation.fence), \(now),
                \(reservation.lifetime), \(onExpiry.fallback), \(onExpiry.resolver),
                \(owner?.name), CAST(\(owner?.epoch) AS \(.integer)), \(isBlock ? 1 : 0)
            WHERE NOT EXISTS (
                SELECT 1 FROM usage_entries WHERE organisation_id = \(reservation.organisation)
                    AND operation_key = \(reservation.operation)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Deletes reservations that were settled before a moment.
    /// - Returns: how many were deleted.
    func deleteReservations(_ state: Reservation.State, settledBefore moment: Instant, limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM reservations WHERE id IN (
                SELECT id FROM reservations WHERE state <> 'held' AND state = \(state) AND settled_at < \(moment)
                ORDER BY settled_at LIMIT \(limit) \(.skipLocked)
            )
            """
        )
    }

    /// Deletes a reservation that this transaction has inserted.
    func delete(_ reservation: Reservation) throws {
        try execute(
            """
            DELETE FROM reservations
            WHERE id = \(reservation.id) AND organisation_id = \(reservation.organisation) AND state = 'held'
            """
        )
    }

    /// The row is locked until the transaction ends.
    func reservation(_ id: ID<Reservation>) throws -> Reservation? {
        try first(
            "SELECT \(Self.reservationColumns) FROM reservations WHERE id = \(id) \(.forUpdate)", Reservation.init)
    }

    func reservation(ofOperation operation: String, of organisation: ID<Organisation>) throws -> Reservation? {
        try first(
            """
            SELECT \(Self.reservationColumns) FROM reservations
            WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            """,
            Reservation.init)
    }

    /// Compare-and-set on state and fence: of concurrent transitions, one succeeds.
    /// - Parameter earlier: the reservation as it was read.
    func move(_ earlier: Reservation, to later: Reservation) throws -> Bool {
        try execute(
            """
            UPDATE reservations
            SET state = \(later.state), fence = \(later.fence), lease_until = \(later.leaseUntil),
                actual = \(later.actual), settled_at = \(later.state == .held ? nil : now)
            WHERE id = \(earlier.id) AND organisation_id = \(earlier.organisation)
                AND state = \(earlier.state) AND fence = \(earlier.fence)
            """
        ) == 1
    }

    /// Applies ``Reservation/expire(_:remaining:at:)`` to at most `limit` expired reservations that have no resolver.
    func expireReservations(_ cause: ExpiryCause, limit: Int) throws -> [Reservation] {
        try all(
            """
            UPDATE reservations
            SET state = CASE on_expiry WHEN 'commit' THEN 'committed' ELSE 'expired' END,
                actual = CASE on_expiry WHEN 'commit' THEN amount ELSE 0 END,
                fence = fence + 1, settled_at = \(now)
            WHERE id IN (
                SELECT id FROM reservations WHERE state = 'held' AND resolver IS NULL AND \(condition(of: cause))
                ORDER BY lease_until LIMIT \(limit) \(lock(for: cause))
            )
            RETURNING \(Self.reservationColumns)
            """,
            Reservation.init
        )
    }

    /// Expires reservations of a bucket whose lease has ended and whose units are released then. A refusal looks for
    /// them first, so that others get the units as soon as the lease ends, before ``ExpireReservationsJob`` runs.
    ///
    /// The bucket's row may be locked already: rows that another transaction has locked are skipped, not waited for.
    /// - Parameter changing: reservations that the caller changes itself.
    /// - Returns: the units that the bucket does not hold any more.
    @discardableResult
    func releaseEndedLeases(in bucket: Bucket, besides changing: [ID<Reservation>] = []) throws -> Int64 {
        let others: SQL = changing.isEmpty ? "" : "AND id NOT IN \(list: changing)"
        let units: Int64 = try all(
            """
            UPDATE reservations SET state = 'expired', actual = 0, fence = fence + 1, settled_at = \(now)
            WHERE id IN (
                SELECT id FROM reservations WHERE \(endedLeases(in: bucket)) \(others) ORDER BY id \(.skipLocked)
            )
            RETURNING amount
            """
        ) { try $0["amount"] as Int64 }.reduce(0, +)
        if units > 0 { try settle(bucket, held: units, used: 0) }
        return units
    }

    /// The units that ``releaseEndedLeases(in:besides:)`` would release, for a refusal without a transaction that
    /// writes.
    func unitsOfEndedLeases(in bucket: Bucket) throws -> Int64 {
        try count(
            """
            SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) AS count FROM reservations
            WHERE \(endedLeases(in: bucket))
            """
        )
    }

    /// Among the oldest of all leases that have ended, which bounds the search; the job finds the others.
    private func endedLeases(in bucket: Bucket) -> SQL {
        """
        id IN (
            SELECT id FROM reservations
            WHERE state = 'held' AND resolver IS NULL AND on_expiry = 'release' AND \(condition(of: .leaseEnded))
            ORDER BY lease_until LIMIT \(Self.endedLeasesMax)
        ) AND \(Self.row(bucket)) AND state = 'held'
        """
    }

    private static let endedLeasesMax = 1_000

    /// Expired reservations that have a resolver, in the order of their lease.
    /// - Parameter last: the last row of the previous page.
    func reservationsToResolve(_ cause: ExpiryCause, after last: (Instant, String), limit: Int) throws
        -> [Reservation]
    {
        try all(
            """
            SELECT \(Self.reservationColumns) FROM reservations
            WHERE state = 'held' AND resolver IS NOT NULL AND \(condition(of: cause))
                AND (lease_until, id) > (\(last.0), \(last.1))
            ORDER BY lease_until, id LIMIT \(limit)
            """,
            Reservation.init
        )
    }

    /// The row is locked until the transaction ends.
    /// - Returns: nil where the reservation is not expired any more, or another transaction settles it.
    func expiredReservation(_ id: ID<Reservation>, _ cause: ExpiryCause) throws -> Reservation? {
        try first(
            """
            SELECT \(Self.reservationColumns) FROM reservations
            WHERE id = \(id) AND state = 'held' AND \(condition(of: cause)) \(lock(for: cause))
            """,
            Reservation.init)
    }

    /// Detaches a reservation from its process: from now on only its lease ends it.
    func detach(_ reservation: Reservation) throws {
        try execute(
            """
            UPDATE reservations SET lifetime = 'lease', node = NULL, epoch = NULL
            WHERE id = \(reservation.id) AND state = 'held'
            """
        )
    }

    private func condition(of cause: ExpiryCause) -> SQL {
        switch cause {
        case .leaseEnded: "lease_until < \(now)"
        case .processEnded(let node): "lifetime = 'process' AND node = \(node.name) AND epoch < \(node.epoch)"
        }
    }

    /// Another node that settles an ended lease is skipped. Of an ended process the database may still have a session
    /// that holds locks until it finds its client gone: the start of the node waits for it.
    private func lock(for cause: ExpiryCause) -> SQL {
        switch cause {
        case .leaseEnded: "\(.skipLocked)"
        case .processEnded: "\(.forUpdate)"
        }
    }

    static let reservationColumns: SQL =
        """
        id, organisation_id, operation_key, fingerprint, meter, period_start, amount, actual, state, lease_until, fence,
        lifetime, on_expiry, resolver
        """

    // MARK: Usage entries

    /// - Parameter reservation: that the units were committed with.
    /// - Returns: false when the organisation used this operation key before.
    @discardableResult
    func insertUsage(
        _ bucket: Bucket, operation: String, amount: Int64, beyond: Int64 = 0, isOverrun: Bool = false,
        reservation: ID<Reservation>? = nil
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO usage_entries (
                organisation_id, operation_key, meter, period_start, amount, beyond, is_overrun, occurred_at,
                reservation_id
            )
            VALUES (
                \(bucket.organisation), \(operation), \(bucket.meter), \(bucket.periodStart),
                \(amount), \(beyond), \(isOverrun), \(now), \(reservation)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Deletes a usage entry that this transaction has inserted.
    func deleteUsage(ofOperation operation: String, of organisation: ID<Organisation>) throws {
        try execute(
            "DELETE FROM usage_entries WHERE organisation_id = \(organisation) AND operation_key = \(operation)")
    }

    func usage(ofOperation operation: String, of organisation: ID<Organisation>) throws -> (
        meter: String, amount: Int64
    )? {
        try first(
            """
            SELECT meter, amount FROM usage_entries
            WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            """
        ) {
            (try $0["meter"], try $0["amount"])
        }
    }

    /// The reservation that the units of an operation were committed with, which may have been deleted since.
    /// - Returns: nil also for units that were used without a reservation.
    func committedReservation(ofOperation operation: String, of organisation: ID<Organisation>) throws -> (
        id: ID<Reservation>, meter: String
    )? {
        try first(
            """
            SELECT reservation_id, meter FROM usage_entries
            WHERE organisation_id = \(organisation) AND operation_key = \(operation) AND reservation_id IS NOT NULL
            """
        ) {
            (try $0["reservation_id"], try $0["meter"])
        }
    }

    /// Whether a reservation or a usage entry has this operation key.
    func isAdmitted(operation: String, of organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS known FROM reservations
                WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            UNION ALL SELECT 1 FROM usage_entries
                WHERE organisation_id = \(organisation) AND operation_key = \(operation)
            """
        ) != nil
    }
}
