import Modules

/// Conditions that hold of files and runs in every committed state of the database.
enum TrainingInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the storage in use differs from the total size of files, chunks of uploads, datasets and models",
            """
            SELECT id FROM organisations
            WHERE (SELECT CAST(COALESCE(SUM(bytes + series_bytes), 0) AS \(.integer)) FROM training_files
                   WHERE training_files.organisation_id = organisations.id)
                + (SELECT CAST(COALESCE(SUM(series_bytes), 0) AS \(.integer)) FROM training_uploads
                   WHERE training_uploads.organisation_id = organisations.id)
                + (SELECT CAST(COALESCE(SUM(bytes), 0) AS \(.integer)) FROM training_chunks
                   JOIN training_uploads ON training_uploads.id = upload_id
                   WHERE training_uploads.organisation_id = organisations.id)
                + (SELECT CAST(COALESCE(SUM(storage_bytes), 0) AS \(.integer)) FROM training_runs
                   WHERE training_runs.organisation_id = organisations.id)
                <> (SELECT CAST(COALESCE(SUM(used), 0) AS \(.integer)) FROM buckets
                    WHERE buckets.organisation_id = organisations.id AND meter = 'storage')
            """
        ),
        Invariant(
            "the state of a run and the state of its reservation contradict each other",
            """
            SELECT training_runs.id, training_runs.state, reservations.state AS reservation FROM training_runs
                LEFT JOIN reservations ON reservations.id = training_runs.reservation_id
            WHERE NOT COALESCE(
                (training_runs.state IN ('queued', 'running') AND reservations.state IN ('held', 'expired'))
                OR (training_runs.state = 'succeeded' AND reservations.state = 'committed')
                OR (training_runs.state IN ('failed', 'cancelled')
                    AND reservations.state IN ('released', 'expired'))
                OR (training_runs.state IN ('succeeded', 'failed', 'cancelled') AND reservations.id IS NULL), false)
            """
        ),
        Invariant(
            "an unfinished run has no unfinished job",
            """
            SELECT training_runs.id, training_runs.state, jobs.state AS job
            FROM training_runs LEFT JOIN jobs ON jobs.id = training_runs.job_id
            WHERE training_runs.state IN ('queued', 'running')
                AND NOT COALESCE(jobs.state IN ('scheduled', 'available', 'leased', 'retryable'), false)
            """
        ),
    ]
}
