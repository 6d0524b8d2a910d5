import Identity
import Modules

/// All SQL about the usage of accounts that no longer have their address. The rows name no organisation and no person.
extension Transaction {
    /// Writes the period, and the units of `organisation` in it.
    /// - Parameter start: the start of the period.
    func retain(_ period: RetainedPeriod, startingAt start: Instant, of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO retained_periods (address_hash, anchor_at, period_ends_at, trial_ends_at)
            VALUES (\(period.addressHash), \(period.anchor), \(period.endsAt), \(period.trialEndsAt))
            ON CONFLICT (address_hash) DO UPDATE SET anchor_at = excluded.anchor_at,
                period_ends_at = excluded.period_ends_at,
                trial_ends_at = COALESCE(excluded.trial_ends_at, retained_periods.trial_ends_at)
            """
        )
        try execute("DELETE FROM retained_units WHERE address_hash = \(period.addressHash)")
        try execute(
            """
            INSERT INTO retained_units (address_hash, meter, units)
            SELECT \(period.addressHash), meter, used + held FROM buckets
            WHERE organisation_id = \(organisation) AND period_start = \(start)
                AND meter <> \(Bucket.storageMeter) AND used + held > 0
            """
        )
    }

    /// The organisations in which a person has started a plan without payment or a trial, the former first.
    func organisationsOfFreeStarts(by person: ID<Person>) throws -> [ID<Organisation>] {
        try all(
            """
            SELECT organisation_id, 1 AS rank FROM free_plan_starts WHERE person_id = \(person)
            UNION ALL SELECT organisation_id, 2 FROM trials WHERE person_id = \(person)
            ORDER BY rank
            """
        ) { try $0["organisation_id"] }
    }

    func retainedPeriod(ofAddress hash: String) throws -> RetainedPeriod? {
        try first(
            """
            SELECT address_hash, anchor_at, period_ends_at, trial_ends_at FROM retained_periods
            WHERE address_hash = \(hash)
            """,
            RetainedPeriod.init)
    }

    func retainedUnits(ofAddress hash: String) throws -> [(meter: String, units: Int64)] {
        try all("SELECT meter, units FROM retained_units WHERE address_hash = \(hash) ORDER BY meter") {
            (meter: try $0["meter"], units: try $0["units"])
        }
    }

    /// Deletes what has ended.
    func deleteEndedRetainedPeriods() throws {
        let ended: SQL = "period_ends_at <= \(now) AND (trial_ends_at IS NULL OR trial_ends_at <= \(now))"
        try execute(
            """
            DELETE FROM retained_units
            WHERE address_hash IN (SELECT address_hash FROM retained_periods WHERE \(ended))
            """
        )
        try execute("DELETE FROM retained_periods WHERE \(ended)")
    }
}
