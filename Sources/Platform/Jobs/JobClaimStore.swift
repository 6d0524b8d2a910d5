import Base
import Storage

/// The SQL that leases available jobs.
extension Transaction {
    /// Whether ``claimJobs(_:lease:)`` would lease a job.
    func hasClaimableJob(_ claim: LaneClaim) throws -> Bool {
        if let maximum = claim.organisationMax {
            return try first(Self.turns(claim) + "SELECT id FROM turns WHERE turn <= \(maximum) LIMIT 1") != nil
        }
        return try first(
            """
            SELECT id FROM jobs WHERE state = 'available' AND lane = \(claim.lane) AND kind IN \(list: claim.kinds)
            LIMIT 1
            """
        ) != nil
    }

    /// Leases up to `claim.count` jobs of a lane, by priority, then by due time; where organisations share the lane,
    /// the jobs of those with fewer running jobs come first.
    ///
    /// A claim with ``LaneClaim/organisationMax`` has to be preceded by ``lockLane(_:)``.
    func claimJobs(_ claim: LaneClaim, lease: Duration) throws -> [ClaimedJob] {
        let picked: SQL =
            if let maximum = claim.organisationMax {
                Self.turns(claim) + """
                    , picked AS (
                        SELECT id FROM turns WHERE turn <= \(maximum)
                        ORDER BY turn, priority, run_at, id LIMIT \(claim.count)
                    )

                    """
            } else {
                // A CTE, because PostgreSQL may run a subquery with LIMIT more than once and lock more rows.
                """
                WITH picked AS (
                    SELECT id FROM jobs
                    WHERE state = 'available' AND lane = \(claim.lane) AND kind IN \(list: claim.kinds)
                    ORDER BY priority, run_at, id LIMIT \(claim.count) \(.skipLocked)
                )

                """
            }
        let claimed = try all(
            picked + """
                UPDATE jobs
                SET state = 'leased', attempt = attempt + 1, fence = fence + 1, lease_until = \(now + lease),
                    started_at = COALESCE(started_at, \(now))
                WHERE id IN (SELECT id FROM picked) AND state = 'available'
                RETURNING id, fence, kind, lane, payload, attempt, priority, run_at
                """,
            ClaimedJob.init
        )
        // RETURNING has no defined order.
        return claimed.sorted {
            ($0.priority, $0.runAt, $0.leaseToken.id.text) < ($1.priority, $1.runAt, $1.leaseToken.id.text)
        }
    }

    /// Makes claims of a lane wait for each other: two that count the running jobs of an organisation at the same time
    /// would exceed its maximum together.
    func lockLane(_ lane: JobLane) throws {
        try execute(
            """
            INSERT INTO job_lane_locks (lane, locked_at) VALUES (\(lane), \(now))
            ON CONFLICT (lane) DO UPDATE SET locked_at = excluded.locked_at
            """
        )
    }

    /// The available jobs of a lane with their turn: the number of jobs of the organisation that would run if it and
    /// the earlier ones of the organisation were leased. A job without an organisation has turn 1.
    private static func turns(_ claim: LaneClaim) -> SQL {
        """
        WITH running AS (
            SELECT organisation, COUNT(*) AS number FROM jobs
            WHERE state = 'leased' AND lane = \(claim.lane) AND organisation IS NOT NULL GROUP BY organisation
        ), turns AS (
            SELECT jobs.id, jobs.priority, jobs.run_at, COALESCE(running.number, 0) + ROW_NUMBER() OVER (
                PARTITION BY COALESCE(jobs.organisation, jobs.id) ORDER BY jobs.priority, jobs.run_at, jobs.id
            ) AS turn
            FROM jobs LEFT JOIN running ON running.organisation = jobs.organisation
            WHERE jobs.state = 'available' AND jobs.lane = \(claim.lane) AND jobs.kind IN \(list: claim.kinds)
        )

        """
    }
}
