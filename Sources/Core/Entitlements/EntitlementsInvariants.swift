import Modules

/// Invariants of plans, quotas and credits. `gatehouse verify` and the tests check them.
enum EntitlementsInvariants {
    static let all = quotas + CreditInvariants.all + [periods]

    private static let quotas: [Invariant] = [
        Invariant(
            "a bucket's reserved units are not the sum of its held reservations",
            """
            SELECT organisation_id, meter, held FROM buckets
            WHERE held <> (
                SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM reservations
                WHERE reservations.organisation_id = buckets.organisation_id AND reservations.meter = buckets.meter
                    AND reservations.period_start = buckets.period_start AND state = 'held'
            )
            """
        ),
        Invariant(
            "a bucket's used units are not the sum of its usage entries",
            """
            SELECT organisation_id, meter, used FROM buckets
            WHERE meter <> 'storage' AND used <> (
                SELECT CAST(COALESCE(SUM(amount), 0) AS \(.integer)) FROM usage_entries
                WHERE usage_entries.organisation_id = buckets.organisation_id AND usage_entries.meter = buckets.meter
                    AND usage_entries.period_start = buckets.period_start
            )
            """
        ),
        Invariant(
            "a reservation or a usage entry has no bucket",
            """
            SELECT organisation_id, meter, period_start FROM (
                SELECT organisation_id, meter, period_start FROM reservations
                UNION SELECT organisation_id, meter, period_start FROM usage_entries
            ) AS entries
            WHERE NOT EXISTS (
                SELECT 1 FROM buckets
                WHERE buckets.organisation_id = entries.organisation_id AND buckets.meter = entries.meter
                    AND buckets.period_start = entries.period_start
            )
            """
        ),
        Invariant(
            "a committed reservation has no usage entry of its units, or another reservation has one",
            """
            SELECT operation_key, state FROM reservations
            WHERE (state = 'committed' AND actual > 0) <> EXISTS (
                SELECT 1 FROM usage_entries WHERE usage_entries.organisation_id = reservations.organisation_id
                    AND usage_entries.operation_key = reservations.operation_key
                    AND usage_entries.amount = reservations.actual
            )
            """
        ),
        Invariant(
            "a settled reservation has no time of settlement, or a held one has one",
            "SELECT operation_key, state FROM reservations WHERE (state = 'held') <> (settled_at IS NULL)"
        ),
        Invariant(
            "a settled reservation has no number of units, or a held one has one",
            """
            SELECT operation_key, state FROM reservations
            WHERE (state = 'held') <> (actual IS NULL) OR state IN ('released', 'expired') AND actual <> 0
            """
        ),
        Invariant(
            "a usage entry has more units beyond the limit than units, or an overrun has none",
            """
            SELECT operation_key, amount, beyond FROM usage_entries
            WHERE beyond > CASE WHEN amount > 0 THEN amount ELSE 0 END OR is_overrun = 1 AND beyond = 0
            """
        ),
    ]

    /// Periods follow from the subscription's anchor and have no gaps; a bucket's period start is one of theirs.
    private static let periods = Invariant(
        "a bucket's period is not one of its subscription, or periods have a gap"
    ) { transaction in
        var faults: [String] = []
        var last = ("", "", Int64.min)
        while case let buckets = try transaction.bucketsOfLiveSubscriptions(after: last, limit: 1_000),
            let end = buckets.last
        {
            for bucket in buckets {
                let period = Period(anchor: bucket.anchor, containing: bucket.start)
                let next = Period(anchor: bucket.anchor, containing: period.end)
                if period.start != bucket.start || next.start != period.end {
                    faults.append(
                        "organisation_id \(bucket.organisation), meter \(bucket.meter), "
                            + "period_start \(bucket.start), period \(period.start)"
                    )
                }
            }
            last = (end.organisation, end.meter, end.start.microseconds)
        }
        return faults
    }
}

extension Transaction {
    /// Buckets of periods since the start of the live subscription. Earlier buckets belong to earlier subscriptions.
    fileprivate func bucketsOfLiveSubscriptions(
        after last: (organisation: String, meter: String, start: Int64), limit: Int
    ) throws -> [(organisation: String, meter: String, start: Instant, anchor: Instant)] {
        try all(
            """
            SELECT buckets.organisation_id, meter, period_start, anchor_at FROM buckets
                JOIN subscriptions ON subscriptions.organisation_id = buckets.organisation_id AND is_live = 1
            WHERE meter <> \(Bucket.storageMeter) AND period_start >= anchor_at
                AND (buckets.organisation_id, meter, period_start)
                    > (\(last.organisation), \(last.meter), \(last.start))
            ORDER BY buckets.organisation_id, meter, period_start LIMIT \(limit)
            """
        ) { (try $0["organisation_id"], try $0["meter"], try $0["period_start"], try $0["anchor_at"]) }
    }
}
