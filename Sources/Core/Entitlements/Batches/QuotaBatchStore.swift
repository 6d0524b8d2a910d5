import Identity
import Modules

/// All SQL of batches: one statement for each table, whatever the number of calls. A batch has locked what it changes,
/// so that only an insert of another transaction can stand in its way.
extension Transaction {
    // MARK: Reading

    /// Those of the bases that subscriptions and plans have not changed since.
    func current(of bases: Set<Entitlement.Basis>) throws -> Set<Entitlement.Basis> {
        guard !bases.isEmpty else { return [] }
        let bases = Array(bases)
        var rows = SQL.Rows(BatchColumns.bases)
        for (index, basis) in bases.enumerated() {
            rows.append([
                .integer(Int64(index)), basis.subscription.sqlValue, basis.version.sqlValue,
                basis.planVersions.sqlValue,
            ])
        }
        let current = try all(
            """
            SELECT calls.n FROM \(rows: rows, as: "calls") CROSS JOIN subscriptions
            WHERE subscriptions.id = calls.subscription AND subscriptions.version = calls.version_read
                AND calls.plan_versions_read = (SELECT COUNT(*) FROM plan_versions)
            """
        ) { row in
            let index: Int = try row["n"]
            return bases[index]
        }
        return Set(current)
    }

    /// The rows are locked, in the order of their ids, until the transaction ends.
    func lockedReservations(_ ids: Set<ID<Reservation>>) throws -> [ID<Reservation>: Reservation] {
        guard !ids.isEmpty else { return [:] }
        var rows = SQL.Rows(BatchColumns.ids)
        for id in ids { rows.append([id.sqlValue]) }
        let found = try all(
            """
            SELECT \(Self.reservationColumns) FROM \(rows: rows, as: "calls") CROSS JOIN reservations
            WHERE reservations.id = calls.reservation ORDER BY reservations.id \(.forUpdate)
            """,
            Reservation.init)
        return Dictionary(found.map { ($0.id, $0) }) { first, _ in first }
    }

    /// The operations that have a reservation or a usage entry, with the units that are used.
    func earlierOperations(_ operations: Set<QuotaBatch.Operation>) throws -> [EarlierOperation] {
        guard !operations.isEmpty else { return [] }
        var rows = SQL.Rows(BatchColumns.operations)
        for operation in operations { rows.append([operation.organisation.sqlValue, operation.key.sqlValue]) }
        return try all(
            """
            SELECT calls.organisation, calls.operation, usage_entries.meter, usage_entries.amount
            FROM \(rows: rows, as: "calls")
                LEFT JOIN reservations ON reservations.organisation_id = calls.organisation
                    AND reservations.operation_key = calls.operation
                LEFT JOIN usage_entries ON usage_entries.organisation_id = calls.organisation
                    AND usage_entries.operation_key = calls.operation
            WHERE reservations.id IS NOT NULL OR usage_entries.amount IS NOT NULL
            """,
            EarlierOperation.init)
    }

    /// The levels of those buckets that exist. The rows are locked, in the order of the buckets, until the transaction
    /// ends.
    /// - Parameter buckets: in the order of ``Bucket/lockKey``.
    func lockedLevels(of buckets: [Bucket]) throws -> [Bucket: Level] {
        guard !buckets.isEmpty else { return [:] }
        var rows = SQL.Rows(BatchColumns.buckets)
        for (index, bucket) in buckets.enumerated() { rows.append(bucket.values + [.integer(Int64(index))]) }
        let found = try all(
            """
            SELECT calls.n, used, held FROM \(rows: rows, as: "calls") CROSS JOIN buckets
            WHERE \(Self.isBucketOfCall) ORDER BY calls.n \(.forUpdate)
            """
        ) { row in
            let index: Int = try row["n"]
            return (buckets[index], Level(used: try row["used"], held: try row["held"]))
        }
        return Dictionary(found) { first, _ in first }
    }

    // MARK: Writing

    /// - Returns: false where one of the operation keys has been used meanwhile.
    func insert(_ made: [(reservation: Reservation, key: ID<ServiceKey>)]) throws -> Bool {
        guard !made.isEmpty else { return true }
        var rows = SQL.Rows(BatchColumns.reservations)
        for (reservation, key) in made {
            rows.append(
                reservation.bucket.values + [
                    reservation.id.sqlValue, reservation.operation.sqlValue, reservation.fingerprint.sqlValue,
                    reservation.amount.sqlValue, reservation.leaseUntil.sqlValue, key.sqlValue,
                ])
        }
        return try execute(
            """
            INSERT INTO reservations (
                id, organisation_id, operation_key, fingerprint, meter, period_start, amount,
                state, lease_until, fence, created_at, lifetime, on_expiry, is_block, service_key
            )
            SELECT reservation, organisation, operation, fingerprint, meter_name, period, units,
                'held', lease, 1, \(now), 'lease', 'release', 0, service_key
            FROM \(rows: rows, as: "calls") WHERE true
            ON CONFLICT DO NOTHING
            """
        ) == made.count
    }

    /// Writes settled reservations, whose rows are locked.
    func update(_ settlements: [QuotaBatch.Settlement]) throws -> Bool {
        guard !settlements.isEmpty else { return true }
        var rows = SQL.Rows(BatchColumns.settlements)
        for settlement in settlements {
            let (earlier, later) = (settlement.earlier, settlement.later)
            rows.append([
                later.id.sqlValue, earlier.state.sqlValue, later.state.sqlValue, earlier.fence.sqlValue,
                later.fence.sqlValue, later.actual?.sqlValue ?? .null, settlement.key.sqlValue,
            ])
        }
        return try execute(
            """
            UPDATE reservations
            SET state = calls.state_after, fence = calls.fence_after, actual = calls.units, settled_at = \(now),
                settled_by = calls.service_key
            FROM \(rows: rows, as: "calls")
            WHERE reservations.id = calls.reservation AND reservations.state = calls.state_before
                AND reservations.fence = calls.fence_before
            """
        ) == settlements.count
    }

    /// - Returns: false where one of the operation keys has been used meanwhile.
    func insert(_ entries: [QuotaBatch.Entry]) throws -> Bool {
        guard !entries.isEmpty else { return true }
        var rows = SQL.Rows(BatchColumns.entries)
        for entry in entries {
            rows.append(
                entry.bucket.values + [
                    entry.operation.sqlValue, entry.amount.sqlValue, entry.beyond.sqlValue,
                    entry.reservation?.sqlValue ?? .null, entry.key?.sqlValue ?? .null,
                ])
        }
        return try execute(
            """
            INSERT INTO usage_entries (
                organisation_id, operation_key, meter, period_start, amount, beyond, is_overrun, occurred_at,
                reservation_id, service_key
            )
            SELECT organisation, operation, meter_name, period, units, units_beyond,
                CASE WHEN units_beyond > 0 THEN 1 ELSE 0 END, \(now), reservation, service_key
            FROM \(rows: rows, as: "calls") WHERE true
            ON CONFLICT DO NOTHING
            """
        ) == entries.count
    }

    /// Adds units to buckets whose rows are locked.
    func add(_ units: [(bucket: Bucket, units: Level)]) throws -> Bool {
        guard !units.isEmpty else { return true }
        return try execute(
            """
            UPDATE buckets SET used = used + calls.units_used, held = held + calls.units_held
            FROM \(rows: Self.rows(of: units), as: "calls") WHERE \(Self.isBucketOfCall)
            """
        ) == units.count
    }

    /// Inserts buckets that did not exist when they were to be locked.
    /// - Returns: false where another transaction has inserted one meanwhile: its units were not counted.
    func insert(_ units: [(bucket: Bucket, units: Level)]) throws -> Bool {
        guard !units.isEmpty else { return true }
        return try execute(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            SELECT organisation, meter_name, period, units_used, units_held
            FROM \(rows: Self.rows(of: units), as: "calls") WHERE true
            ON CONFLICT DO NOTHING
            """
        ) == units.count
    }

    private static func rows(of units: [(bucket: Bucket, units: Level)]) -> SQL.Rows {
        var rows = SQL.Rows(BatchColumns.units)
        for (bucket, units) in units { rows.append(bucket.values + [units.used.sqlValue, units.held.sqlValue]) }
        return rows
    }

    private static let isBucketOfCall: SQL =
        """
        buckets.organisation_id = calls.organisation AND buckets.meter = calls.meter_name
            AND buckets.period_start = calls.period
        """
}

/// The columns of the rows that statements of a batch bind.
private enum BatchColumns {
    typealias Columns = SQL.Rows.Columns

    static let bases = Columns(
        ("n", .integer), ("subscription", .text), ("version_read", .integer), ("plan_versions_read", .integer))
    static let ids = Columns(("reservation", .text))
    static let operations = Columns(("organisation", .text), ("operation", .text))
    static let buckets = ofBucket(("n", .integer))
    static let reservations = ofBucket(
        ("reservation", .text), ("operation", .text), ("fingerprint", .text), ("units", .integer), ("lease", .integer),
        ("service_key", .text))
    static let settlements = Columns(
        ("reservation", .text), ("state_before", .text), ("state_after", .text), ("fence_before", .integer),
        ("fence_after", .integer), ("units", .integer), ("service_key", .text))
    static let entries = ofBucket(
        ("operation", .text), ("units", .integer), ("units_beyond", .integer), ("reservation", .text),
        ("service_key", .text))
    static let units = ofBucket(("units_used", .integer), ("units_held", .integer))

    /// Rows that begin with ``Bucket/values``.
    private static func ofBucket(_ columns: (name: StaticString, type: SQL.Rows.ColumnType)...) -> Columns {
        Columns([("organisation", .text), ("meter_name", .text), ("period", .integer)] + columns)
    }
}

/// What an operation key was used for before.
struct EarlierOperation: Sendable {
    let operation: QuotaBatch.Operation
    /// The units that are used under the key.
    let usage: (meter: String, amount: Int64)?

    init(row: Row) throws {
        operation = QuotaBatch.Operation(organisation: try row["organisation"], key: try row["operation"])
        if let meter = try row.read("meter", as: String?.self) {
            usage = (meter, try row["amount"])
        } else {
            usage = nil
        }
    }
}

extension Bucket {
    /// In the order of the columns of its rows.
    fileprivate var values: [SQL.Value] { [organisation.sqlValue, meter.sqlValue, periodStart.sqlValue] }
}
