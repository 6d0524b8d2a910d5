import Identity
import Modules

/// An event that was counted.
struct RecordedUsage: Sendable {
    let fingerprint: String
    let periodStart: Instant
    let adjusts: Instant?
    let isOverrun: Bool
}

/// All SQL about reported usage and about usage queries.
extension Transaction {
    /// Inserts events whose key the organisation has not used before. Concurrent inserts of the same key wait for each
    /// other.
    /// - Returns: the keys of the inserted events.
    func insertEvents(_ events: [PlacedUsage]) throws -> Set<UTF8Key> {
        var inserted: Set<UTF8Key> = []
        // Inserted in the order of their keys: two reports of the same events do not deadlock.
        for chunk in events.sorted(by: { $0.event.key < $1.event.key }).chunks(of: Self.rowsMax) {
            let rows = chunk.map { placed -> SQL in
                let event = placed.event
                return """
                    (\(placed.bucket.organisation), \(event.key.text), \(event.id), \(event.source), \(event.subject),
                     \(event.fingerprint), \(placed.adjusts), \(now))
                    """
            }
            inserted.formUnion(
                try all(
                    """
                    INSERT INTO usage_events (
                        organisation_id, operation_key, event_id, source, subject, fingerprint, adjusts_start,
                        recorded_at
                    )
                    VALUES \(rows.joined) ON CONFLICT DO NOTHING RETURNING operation_key
                    """
                ) { UTF8Key(try $0["operation_key"]) })
        }
        return inserted
    }

    /// Uses units without a limit.
    /// - Returns: the level afterwards.
    func add(_ amount: Int64, to bucket: Bucket) throws -> Level {
        try first(
            """
            INSERT INTO buckets (organisation_id, meter, period_start, used, held)
            VALUES (\(bucket.organisation), \(bucket.meter), \(bucket.periodStart), \(amount), 0)
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET used = buckets.used + excluded.used
            RETURNING used, held
            """
        ) { Level(used: try $0["used"], held: try $0["held"]) } ?? Level()
    }

    /// - Parameters:
    ///   - beyond: how many units of an event exceed the limit, by key.
    ///   - key: the service key that reported the events.
    func insertEntries(_ events: [PlacedUsage], beyond: [UTF8Key: Int64], by key: ID<ServiceKey>) throws {
        for chunk in events.chunks(of: Self.rowsMax) {
            let rows = chunk.map { placed -> SQL in
                let (event, bucket) = (placed.event, placed.bucket)
                let excess = beyond[event.key] ?? 0
                return """
                    (\(bucket.organisation), \(event.key.text), \(bucket.meter), \(bucket.periodStart), \(event.amount),
                     \(excess), \(excess > 0), \(placed.occurredAt), \(key))
                    """
            }
            try execute(
                """
                INSERT INTO usage_entries (
                    organisation_id, operation_key, meter, period_start, amount, beyond, is_overrun, occurred_at,
                    service_key
                )
                VALUES \(rows.joined)
                """
            )
        }
    }

    /// - Returns: the events that were counted under these keys, by key.
    func recordedEvents(_ keys: Set<UTF8Key>, of organisation: ID<Organisation>) throws -> [UTF8Key: RecordedUsage] {
        var recorded: [UTF8Key: RecordedUsage] = [:]
        for chunk in keys.sorted().chunks(of: Self.rowsMax) {
            let rows = try all(
                """
                SELECT operation_key, fingerprint, period_start, adjusts_start, is_overrun
                FROM usage_events JOIN usage_entries USING (organisation_id, operation_key)
                WHERE organisation_id = \(organisation) AND operation_key IN \(list: chunk.map(\.text))
                """
            ) { row in
                let usage = RecordedUsage(
                    fingerprint: try row["fingerprint"], periodStart: try row["period_start"],
                    adjusts: try row["adjusts_start"],
                    isOverrun: try row["is_overrun"])
                return (UTF8Key(try row["operation_key"]), usage)
            }
            recorded.merge(rows) { first, _ in first }
        }
        return recorded
    }

    /// Rows per statement. It bounds the number of different statements, and of bound values, which both engines limit.
    private static let rowsMax = 200

    /// The usage of each interval of `width` that has any, by the number of intervals since 1970.
    func usage(of meter: String, _ organisation: ID<Organisation>, from: Instant, to: Instant, by width: Duration)
        throws -> [Int64: Int64]
    {
        let rows = try all(
            """
            SELECT slot, CAST(SUM(amount) AS \(.integer)) AS amount
            FROM (
                SELECT occurred_at / \(width.microseconds) AS slot, amount FROM usage_entries
                WHERE organisation_id = \(organisation) AND meter = \(meter)
                    AND occurred_at >= \(from) AND occurred_at < \(to)
            ) AS entries
            GROUP BY slot
            """
        ) { (try $0["slot"] as Int64, try $0["amount"] as Int64) }
        return Dictionary(rows) { first, _ in first }
    }

    /// The next page of an export, in the order of time and key.
    func exportedUsage(_ selection: UsageSelection, after position: ExportPosition, limit: Int) throws
        -> [ExportedUsage]
    {
        let meter: SQL = if let meter = selection.meter { "AND meter = \(meter)" } else { "" }
        return try all(
            """
            SELECT usage_entries.operation_key AS operation_key, meter, amount, is_overrun, occurred_at, period_start,
                event_id, source, subject, adjusts_start
            FROM usage_entries LEFT JOIN usage_events
                ON usage_events.organisation_id = usage_entries.organisation_id
                    AND usage_events.operation_key = usage_entries.operation_key
            WHERE usage_entries.organisation_id = \(selection.organisation) \(meter) AND occurred_at < \(selection.to)
                AND (occurred_at, usage_entries.operation_key) > (\(position.occurredAt), \(position.key))
            ORDER BY occurred_at, usage_entries.operation_key LIMIT \(limit)
            """,
            ExportedUsage.init
        )
    }

    /// The highest threshold for which an alert of the bucket was sent, in percent; 0 for none.
    func alertedPercent(of bucket: Bucket) throws -> Int64 {
        try count(
            """
            SELECT COALESCE(MAX(percent), 0) AS count FROM usage_alerts
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter)
                AND period_start = \(bucket.periodStart)
            """
        )
    }

    /// - Returns: false when the alert was sent before.
    func insertAlert(of bucket: Bucket, percent: Int64, used: Int64, allowed: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO usage_alerts (organisation_id, meter, period_start, percent, used, allowed, sent_at)
            VALUES (
                \(bucket.organisation), \(bucket.meter), \(bucket.periodStart), \(percent), \(used), \(allowed), \(now)
            )
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }
}

extension [SQL] {
    fileprivate var joined: SQL { dropFirst().reduce(first ?? "") { $0 + ", " + $1 } }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
