import Base
import Storage

/// The SQL that leases available jobs.
extension Transaction {
    /// Whether ``claimJobs(_:lease:)`` would lease a job.
    func hasClaimableJob(_ claim: LaneClaim) throws -> Bool {
        if let maximum = claim.organisationMax {
            return try first(Self.heads(claim, maximum) + "SELECT id FROM heads WHERE id IS NOT NULL LIMIT 1") != nil
        }
        return try first(
            """
            SELECT id FROM jobs WHERE state = 'available' AND lane = \(claim.lane) AND kind IN \(claim.kinds.list)
            LIMIT 1
            """
        ) != nil
    }

    /// Leases up to `claim.count` jobs of a lane, by priority, then by due time; where organisations share the lane,
    /// the jobs of those with fewer running jobs come first.
    ///
    /// A claim with ``LaneClaim/organisationMax`` has to be preceded by ``lockLane(_:)``.
    func claimJobs(_ claim: LaneClaim, lease: Duration) throws -> [ClaimedJob] {
        var claimed: [ClaimedJob] = []
        if let maximum = claim.organisationMax {
            // Each statement gives a job to the organisations with the fewest, so it can be repeated `maximum` times.
            var rest = claim
            while rest.count > 0 {
                let next = try leaseJobs(Self.heads(rest, maximum) + Self.pickedHeads(atMost: rest.count), lease)
                guard !next.isEmpty else { break }
                claimed += next
                rest.count -= next.count
            }
        } else {
            // A CTE, because PostgreSQL may run a subquery with LIMIT more than once and lock more rows.
            claimed = try leaseJobs(
                """
                WITH picked AS (
                    SELECT id FROM jobs
                    WHERE state = 'available' AND lane = \(claim.lane) AND kind IN \(claim.kinds.list)
                    ORDER BY priority, run_at, id LIMIT \(claim.count) \(.skipLocked)
                )

                """, lease)
        }
        // RETURNING has no defined order.
        return claimed.sorted {
            ($0.priority, $0.runAt, $0.leaseToken.id.text) < ($1.priority, $1.runAt, $1.leaseToken.id.text)
        }
    }

    /// - Parameter picked: a WITH clause whose last table, `picked`, has the ids of the jobs.
    private func leaseJobs(_ picked: SQL, _ lease: Duration) throws -> [ClaimedJob] {
        try all(
            picked + """
                UPDATE jobs
                SET state = 'leased', attempt = attempt + 1, fence = fence + 1, lease_until = \(now + lease),
                    started_at = COALESCE(started_at, \(now))
                WHERE id IN (SELECT id FROM picked) AND state = 'available'
                RETURNING id, fence, kind, lane, payload, attempt, priority, run_at
                """,
            ClaimedJob.init
        )
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

    /// The next available job of each organisation that runs fewer than `maximum` in the lane, with the number that it
    /// runs, and the next jobs without an organisation, which run none.
    ///
    /// Reads a row or two for each organisation, however many jobs wait: `waiting` goes from one organisation to the
    /// next in the index.
    private static func heads(_ claim: LaneClaim, _ maximum: Int) -> SQL {
        let isAvailable: SQL = "state = 'available' AND lane = \(claim.lane)"
        let isKnown: SQL = "kind IN \(claim.kinds.list)"
        return """
            WITH RECURSIVE running AS (
                SELECT organisation, COUNT(*) AS number FROM jobs
                WHERE state = 'leased' AND lane = \(claim.lane) AND organisation IS NOT NULL GROUP BY organisation
            ), waiting (organisation) AS (
                SELECT (
                    SELECT organisation FROM jobs WHERE \(isAvailable) AND organisation IS NOT NULL
                    ORDER BY organisation LIMIT 1
                )
                UNION ALL
                SELECT (
                    SELECT organisation FROM jobs WHERE \(isAvailable) AND organisation > waiting.organisation
                    ORDER BY organisation LIMIT 1
                ) FROM waiting WHERE organisation IS NOT NULL
            ), heads AS (
                SELECT id, 0 AS number FROM (
                    SELECT id FROM jobs WHERE \(isAvailable) AND organisation IS NULL AND \(isKnown)
                    ORDER BY priority, run_at, id LIMIT \(claim.count)
                ) AS alone
                UNION ALL
                SELECT (
                    SELECT id FROM jobs
                    WHERE \(isAvailable) AND organisation = waiting.organisation AND \(isKnown)
                    ORDER BY priority, run_at, id LIMIT 1
                ), COALESCE(running.number, 0)
                FROM waiting LEFT JOIN running ON running.organisation = waiting.organisation
                WHERE waiting.organisation IS NOT NULL AND COALESCE(running.number, 0) < \(maximum)
            )

            """
    }

    /// Of ``heads(_:_:)``, those of the organisations with the fewest running jobs.
    private static func pickedHeads(atMost count: Int) -> SQL {
        """
        , picked AS (
            SELECT jobs.id FROM heads CROSS JOIN jobs
            WHERE jobs.id = heads.id AND heads.number = (SELECT MIN(number) FROM heads WHERE id IS NOT NULL)
            ORDER BY jobs.priority, jobs.run_at, jobs.id LIMIT \(count)
        )

        """
    }
}
