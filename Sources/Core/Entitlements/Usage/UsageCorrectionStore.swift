import Identity
import Modules

/// All SQL about corrections of usage.
extension Transaction {
    /// Subtracts used units.
    /// - Returns: false where fewer were used; the bucket is unchanged then.
    func subtract(_ units: Int64, from bucket: Bucket) throws -> Bool {
        try execute(
            """
            UPDATE buckets SET used = used - \(units)
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter)
                AND period_start = \(bucket.periodStart) AND used >= \(units)
            """
        ) == 1
    }

    /// Inserts the usage entry of a correction, and its attributes in the form of a usage event.
    /// - Parameter key: the administrator's key; the statement fails where the organisation has a correction with it.
    func insertCorrection(
        _ correction: UsageCorrection, key: String, fingerprint: String, in bucket: Bucket, beyond: Int64
    ) throws {
        let operation = ExportedUsage.correctionPrefix + key
        try execute(
            """
            INSERT INTO usage_events (
                organisation_id, operation_key, event_id, source, subject, fingerprint, adjusts_start, recorded_at
            )
            VALUES (
                \(bucket.organisation), \(operation), \(key), NULL, \(correction.reason), \(fingerprint), NULL, \(now)
            )
            """
        )
        _ = try insertUsage(
            bucket, operation: operation, amount: correction.units, beyond: beyond, isOverrun: beyond > 0)
    }

    func usageCorrection(_ key: String, of organisation: ID<Organisation>) throws -> RecordedCorrection? {
        try first(
            """
            SELECT meter, amount, subject, period_start, recorded_at, fingerprint
            FROM usage_events JOIN usage_entries USING (organisation_id, operation_key)
            WHERE organisation_id = \(organisation) AND operation_key = \(ExportedUsage.correctionPrefix + key)
            """
        ) { row in
            RecordedCorrection(
                fingerprint: try row["fingerprint"],
                view: UsageCorrectionView(
                    organisationId: organisation, meter: try row["meter"], units: try row["amount"],
                    reason: try row["subject"], periodStart: try row["period_start"],
                    recordedAt: try row["recorded_at"]))
        }
    }
}
