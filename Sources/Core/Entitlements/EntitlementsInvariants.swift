package import Modules

extension EntitlementsModule {
    /// What holds of plans, quotas and credits at every moment.
    package static let invariants = quotaRules + CreditService.invariants + [periodRule]

    /// Counters are what they are derived from.
    private static let quotaRules: [Invariant] = [
        Invariant(
            "what a bucket holds is not what its reservations hold",
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
            "what a bucket says is used is not what its usage entries say",
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
            SELECT organisation_id, meter, period_start FROM
                (SELECT organisation_id, meter, period_start FROM reservations UNION SELECT organisation_id, meter, period_start FROM usage_entries) AS entries
            WHERE NOT EXISTS (
                SELECT 1 FROM buckets WHERE buckets.organisation_id = entries.organisation_id AND buckets.meter = entries.meter
                    AND buckets.period_start = entries.period_start
            )
            """
        ),
        Invariant(
            "a reservation that is committed has no usage entry of its amount, or one that is not has one",
            """
            SELECT operation_key, state FROM reservations
            WHERE (state = 'committed' AND actual > 0) <> EXISTS (
                SELECT 1 FROM usage_entries WHERE usage_entries.organisation_id = reservations.organisation_id
                    AND usage_entries.operation_key = reservations.operation_key AND usage_entries.amount = reservations.actual
            )
            """
        ),
        Invariant(
            "a reservation is settled without a time, or has one and is not",
            "SELECT operation_key, state FROM reservations WHERE (state = 'held') <> (settled_at IS NULL)"
        ),
        Invariant(
            "a reservation is settled without a number, or has one and is not",
            "SELECT operation_key, state FROM reservations WHERE (state = 'held') <> (actual IS NULL) OR state IN ('released', 'expired') AND actual <> 0"
        ),
        Invariant(
            "more of a usage entry lies beyond the limit than there is, or an overrun has nothing beyond it",
            "SELECT operation_key, amount, beyond FROM usage_entries WHERE beyond > amount OR is_overrun = 1 AND beyond = 0"
        ),
    ]

    /// Periods are counted from the subscription's anchor, tile time, and are what buckets are filed under.
    private static let periodRule = Invariant(
        "a bucket is filed under what is no period of its subscription, or periods leave a gap"
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
                        "organisation_id \(bucket.organisation), meter \(bucket.meter), period_start \(bucket.start), period \(period.start)"
                    )
                }
            }
            last = (end.organisation, end.meter, end.start.microseconds)
        }
        return faults
    }
}

extension Transaction {
    /// Buckets of periods since the subscription that lives began; before it there may have been others.
    fileprivate func bucketsOfLiveSubscriptions(
        after last: (organisation: String, meter: String, start: Int64), limit: Int
    ) throws -> [(organisation: String, meter: String, start: Instant, anchor: Instant)] {
        try all(
            """
            SELECT buckets.organisation_id, meter, period_start, anchor_at FROM buckets
                JOIN subscriptions ON subscriptions.organisation_id = buckets.organisation_id AND is_live = 1
            WHERE meter <> \(Bucket.storageMeter) AND period_start >= anchor_at
                AND (buckets.organisation_id, meter, period_start) > (\(last.organisation), \(last.meter), \(last.start))
            ORDER BY buckets.organisation_id, meter, period_start LIMIT \(limit)
            """
        ) { (try $0["organisation_id"], try $0["meter"], try $0["period_start"], try $0["anchor_at"]) }
    }
}
