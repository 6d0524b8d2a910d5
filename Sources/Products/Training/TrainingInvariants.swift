package import Modules

extension TrainingModule {
    /// What holds of files and runs at every moment.
    package static let invariants: [Invariant] = [
        Invariant(
            "the storage that is used is not what the files take",
            """
            SELECT id FROM organisations
            WHERE (SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) FROM training_files WHERE training_files.organisation_id = organisations.id)
                <> (SELECT CAST(COALESCE(SUM(used), 0) AS \(.integer)) FROM buckets WHERE buckets.organisation_id = organisations.id AND meter = 'storage')
            """
        ),
        Invariant(
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
        Invariant(
            "an unfinished run has no job that could end it",
            """
            SELECT training_runs.id, training_runs.state, jobs.state AS job FROM training_runs LEFT JOIN jobs ON jobs.id = training_runs.job_id
            WHERE training_runs.state IN ('queued', 'running')
                AND NOT COALESCE(jobs.state IN ('scheduled', 'available', 'leased', 'retryable'), false)
            """
        ),
    ]
}
