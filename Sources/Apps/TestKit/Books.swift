package import Storage

/// Holds the counters of quotas against what they are derived from.
package enum Books {
    /// - Returns: what does not balance, in sentences; empty when everything does.
    package static func faults(in database: any Database) async throws -> [String] {
        try await database.read { transaction in
            try reservations.flatMap { rule in try transaction.all(rule.query).map { row in "\(rule.sentence): \(row.values)" } }
        }
    }

    /// Each query finds the rows that break its rule.
    private static let reservations: [(sentence: String, query: SQL)] = [
        (
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
        (
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
        (
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
        (
            "a reservation that is committed has no usage entry of its amount, or one that is not has one",
            """
            SELECT operation_key, state FROM reservations
            WHERE (state = 'committed' AND actual > 0) <> EXISTS (
                SELECT 1 FROM usage_entries WHERE usage_entries.organisation_id = reservations.organisation_id
                    AND usage_entries.operation_key = reservations.operation_key AND usage_entries.amount = reservations.actual
            )
            """
        ),
        (
            "a reservation is settled without a time, or has one and is not",
            "SELECT operation_key, state FROM reservations WHERE (state = 'held') <> (settled_at IS NULL)"
        ),
        (
            "a reservation is settled without a number, or has one and is not",
            "SELECT operation_key, state FROM reservations WHERE (state = 'held') <> (actual IS NULL) OR state IN ('released', 'expired') AND actual <> 0"
        ),
        (
            "more of a usage entry lies beyond the limit than there is, or an overrun has nothing beyond it",
            "SELECT operation_key, amount, beyond FROM usage_entries WHERE beyond > amount OR is_overrun = 1 AND beyond = 0"
        ),
        (
            "the storage that is used is not what the files take",
            """
            SELECT id FROM organisations
            WHERE (SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) FROM training_files WHERE training_files.organisation_id = organisations.id)
                <> (SELECT CAST(COALESCE(SUM(used), 0) AS \(.integer)) FROM buckets WHERE buckets.organisation_id = organisations.id AND meter = 'storage')
            """
        ),
        (
            "a run and its reservation tell different stories",
            """
            SELECT training_runs.id, training_runs.state, reservations.state AS reservation FROM training_runs
                LEFT JOIN reservations ON reservations.id = training_runs.reservation_id
            WHERE NOT COALESCE(
                (training_runs.state IN ('queued', 'running') AND reservations.state IN ('held', 'expired'))
                OR (training_runs.state = 'succeeded' AND reservations.state = 'committed')
                OR (training_runs.state IN ('failed', 'cancelled') AND reservations.state IN ('released', 'expired')), false)
            """
        ),
        (
            "a reservation is held for no run that could ever give it back",
            """
            SELECT reservations.id FROM reservations LEFT JOIN training_runs ON training_runs.reservation_id = reservations.id
            WHERE reservations.state = 'held' AND training_runs.id IS NULL AND reservations.meter <> 'uploads'
                AND reservations.operation_key NOT LIKE 'test:%' AND reservations.operation_key NOT LIKE '%:test-%'
                AND reservations.operation_key NOT LIKE 'remote/%'
            """
        ),
        (
            "an unfinished run has no job that could end it",
            """
            SELECT training_runs.id, training_runs.state, jobs.state AS job FROM training_runs LEFT JOIN jobs ON jobs.id = training_runs.job_id
            WHERE training_runs.state IN ('queued', 'running')
                AND NOT COALESCE(jobs.state IN ('scheduled', 'available', 'leased', 'retryable'), false)
            """
        ),
    ]
}
