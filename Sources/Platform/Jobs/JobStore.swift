import Base
import Storage

/// What a job's row says when its lease is renewed.
struct Heartbeat: Sendable {
    let isCancelRequested: Bool
}

struct DeadJob: Sendable {
    let kind: String
    let lane: JobLane
    let payload: String
    let options: JobOptions
    let redrivenAs: ID<QueuedJob>?
}

// Inserting and reading jobs.
extension Transaction {
    /// - Returns: `id`, or that of the unfinished job that has the same kind and unique key.
    func insertJob(
        _ id: ID<QueuedJob>, kind: String, lane: JobLane, payload: String, _ options: JobOptions
    ) throws -> ID<QueuedJob> {
        let runAt = options.runAt ?? now
        // DO UPDATE instead of DO NOTHING, so that RETURNING gives the id of the existing row.
        let row = try first(
            """
            INSERT INTO jobs (
                id, kind, lane, organisation, payload, unique_key, priority, state, run_at, maximum_attempts, created_at
            )
            VALUES (\(id), \(kind), \(lane), \(options.organisation), \(payload), \(options.uniqueKey),
                    \(options.priority), \(runAt <= now ? JobState.available : .scheduled), \(runAt),
                    \(options.maximumAttempts), \(now))
            ON CONFLICT (kind, unique_key)
            WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'available', 'leased', 'retryable')
            DO UPDATE SET unique_key = excluded.unique_key
            RETURNING id
            """
        )
        guard let row else {
            throw StorageError(.other, code: "no-row", message: "the insertion of a job returned no row")
        }
        return try row["id"]
    }

    /// A job that waits is cancelled; of one that runs, the cancellation is requested.
    private var cancellation: SQL {
        """
        state = CASE WHEN state = 'leased' THEN 'leased' ELSE 'cancelled' END,
        finished_at = CASE WHEN state = 'leased' THEN NULL ELSE \(now) END,
        cancel_requested_at = COALESCE(cancel_requested_at, \(now))
        """
    }

    /// One statement, so that a concurrent claim happens before or after it.
    func cancelJob(_ id: ID<QueuedJob>) throws -> JobState? {
        try first(
            """
            UPDATE jobs SET \(cancellation)
            WHERE id = \(id) AND state IN ('scheduled', 'available', 'leased', 'retryable')
            RETURNING state
            """
        )?["state"]
    }

    /// As ``cancelJob(_:)``, for the jobs whose rows are not locked.
    /// - Returns: those that are cancelled now; of the others, which run, the cancellation is requested.
    func stopJobs(_ ids: [ID<QueuedJob>]) throws -> [ID<QueuedJob>] {
        guard !ids.isEmpty else { return [] }
        let rows = try all(
            """
            WITH picked AS (
                SELECT id FROM jobs
                WHERE id IN \(list: ids) AND state IN ('scheduled', 'available', 'leased', 'retryable')
                ORDER BY id \(.skipLocked)
            )
            UPDATE jobs SET \(cancellation)
            WHERE id IN (SELECT id FROM picked)
            RETURNING id, state
            """
        ) { (id: try $0.read("id", as: ID<QueuedJob>.self), state: try $0.read("state", as: JobState.self)) }
        return rows.filter { $0.state == .cancelled }.map(\.id)
    }

    func jobStatus(_ id: ID<QueuedJob>) throws -> JobStatus? {
        try first("SELECT \(statusColumns) FROM jobs WHERE id = \(id)", JobStatus.init)
    }

    func deadJobs(of kind: String?, atMost limit: Int) throws -> [JobStatus] {
        let condition: SQL = kind.map { "AND kind = \($0)" } ?? ""
        return try all(
            """
            SELECT \(statusColumns) FROM jobs
            WHERE state = 'dead' AND redriven_as IS NULL \(condition) ORDER BY finished_at DESC, id DESC LIMIT \(limit)
            """, JobStatus.init)
    }

    private var statusColumns: SQL {
        """
        id, kind, organisation, state, percent, phase, message, attempt, maximum_attempts, first_error, last_error,
        cancel_requested_at, run_at, created_at, started_at, finished_at, redriven_as
        """
    }

    /// Each part repeats the condition of an index literally: SQLite uses a partial index only then.
    func jobCounts() throws -> JobCounts {
        var counts = JobCounts()
        let rows = try all(
            """
            SELECT lane, state, COUNT(*) AS count, MIN(run_at) AS oldest FROM jobs
            WHERE state IN ('scheduled', 'retryable') GROUP BY lane, state
            UNION ALL SELECT lane, state, COUNT(*), MIN(run_at) FROM jobs WHERE state = 'available' GROUP BY lane, state
            UNION ALL SELECT lane, state, COUNT(*), MIN(run_at) FROM jobs WHERE state = 'leased' GROUP BY lane, state
            UNION ALL SELECT lane, state, COUNT(*), MIN(run_at) FROM jobs WHERE state = 'dead' GROUP BY lane, state
            """
        )
        for row in rows {
            let (lane, count): (JobLane, Int) = (try row["lane"], try row["count"])
            switch try row.read("state", as: JobState.self) {
            case .scheduled: counts.lanes[lane, default: .init()].scheduled = count
            case .retryable: counts.lanes[lane, default: .init()].retryable = count
            case .leased: counts.lanes[lane, default: .init()].leased = count
            case .dead: counts.lanes[lane, default: .init()].dead = count
            case .available:
                counts.lanes[lane, default: .init()].available = count
                counts.lanes[lane, default: .init()].oldestAvailable = max(.zero, now - (try row["oldest"]))
            case .completed, .cancelled: break
            }
        }
        return counts
    }

    /// Locks the job.
    /// - Returns: nil when it is not dead.
    func deadJob(_ id: ID<QueuedJob>) throws -> DeadJob? {
        try first(
            """
            SELECT kind, lane, payload, priority, unique_key, organisation, maximum_attempts, redriven_as
            FROM jobs WHERE id = \(id) AND state = 'dead' \(.forUpdate)
            """
        ) { row in
            DeadJob(
                kind: try row["kind"],
                lane: try row["lane"],
                payload: try row["payload"],
                options: JobOptions(
                    priority: try row["priority"],
                    uniqueKey: try row["unique_key"],
                    organisation: try row["organisation"],
                    maximumAttempts: try row["maximum_attempts"]
                ),
                redrivenAs: try row["redriven_as"]
            )
        }
    }

    func markRedriven(_ id: ID<QueuedJob>, as successor: ID<QueuedJob>) throws {
        try execute("UPDATE jobs SET redriven_as = \(successor) WHERE id = \(id) AND state = 'dead'")
    }

    /// - Returns: the number of deleted jobs.
    func pruneJobs(finishedBefore limit: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM jobs WHERE id IN (
                SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at < \(limit)
                ORDER BY finished_at LIMIT \(count)
            )
            """
        )
    }
}

// Due times.
extension Transaction {
    /// - Returns: the claims that would lease a job; all of them where a job is due to become available, whose lane is
    ///   any.
    func dueClaims(among claims: [LaneClaim]) throws -> [LaneClaim] {
        let promoted = try first(
            "SELECT id FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at <= \(now) LIMIT 1")
        return promoted == nil ? try claims.filter { try hasClaimableJob($0) } : claims
    }

    /// The earliest time after now at which a job becomes due or a lease of one of `kinds` expires.
    func nextDueTime(of kinds: JobKinds) throws -> Instant? {
        let runAt: Instant? = try first(
            """
            SELECT run_at FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at > \(now)
            ORDER BY run_at LIMIT 1
            """
        )?["run_at"]
        let leaseUntil: Instant? = try first(
            """
            SELECT lease_until FROM jobs
            WHERE state = 'leased' AND lease_until > \(now) AND kind IN \(kinds.list)
            ORDER BY lease_until LIMIT 1
            """
        )?["lease_until"]
        return [runAt, leaseUntil].compactMap { $0 }.min()
    }
}

// Promoting jobs and ending leases.
extension Transaction {
    /// Makes due jobs available.
    /// - Returns: their number.
    @discardableResult
    func promoteJobs(atMost count: Int) throws -> Int {
        try execute(
            """
            WITH due AS (
                SELECT id FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at <= \(now)
                ORDER BY run_at LIMIT \(count) \(.skipLocked)
            )
            UPDATE jobs SET state = 'available' WHERE id IN (SELECT id FROM due) AND state IN ('scheduled', 'retryable')
            """
        )
    }

    /// Renews the leases that are still valid.
    /// - Returns: a heartbeat for each renewed lease; the others are lost.
    func renewLeases(of tokens: [LeaseToken], lease: Duration) throws -> [LeaseToken: Heartbeat] {
        guard !tokens.isEmpty else { return [:] }
        let rows = try all(
            """
            UPDATE jobs SET lease_until = \(now + lease)
            WHERE state = 'leased' AND (id, fence) IN (VALUES \(Self.pairs(tokens)))
            RETURNING id, fence, cancel_requested_at
            """
        ) {
            (
                LeaseToken(id: try $0["id"], fence: try $0["fence"]),
                Heartbeat(isCancelRequested: try $0.read("cancel_requested_at", as: Instant?.self) != nil)
            )
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// - Returns: those of the leases whose job is to stop.
    func cancelledLeases(among tokens: [LeaseToken]) throws -> [LeaseToken] {
        guard !tokens.isEmpty else { return [] }
        return try all(
            """
            SELECT id, fence FROM jobs
            WHERE state = 'leased' AND cancel_requested_at IS NOT NULL AND (id, fence) IN (VALUES \(Self.pairs(tokens)))
            """
        ) { LeaseToken(id: try $0["id"], fence: try $0["fence"]) }
    }

    private static func pairs(_ tokens: [LeaseToken]) -> SQL {
        tokens.dropFirst().reduce("(\(tokens[0].id), \(tokens[0].fence))") { $0 + ", (\($1.id), \($1.fence))" }
    }

    /// - Returns: nil when the lease is lost.
    func reportProgress(_ progress: JobProgress, of leaseToken: LeaseToken, lease: Duration) throws -> Heartbeat? {
        try first(
            """
            UPDATE jobs
            SET percent = \(progress.percent), phase = \(progress.phase), message = \(progress.message),
                lease_until = \(now + lease)
            WHERE id = \(leaseToken.id) AND state = 'leased' AND fence = \(leaseToken.fence)
            RETURNING cancel_requested_at
            """
        ) { Heartbeat(isCancelRequested: try $0.read("cancel_requested_at", as: Instant?.self) != nil) }
    }

    /// Jobs whose lease has expired.
    func expiredJobs(of kinds: JobKinds, atMost count: Int) throws -> [ClaimedJob] {
        try all(
            """
            SELECT id, fence, kind, lane, payload, attempt, priority, run_at FROM jobs
            WHERE state = 'leased' AND lease_until <= \(now) AND kind IN \(kinds.list)
            ORDER BY lease_until LIMIT \(count)
            """,
            ClaimedJob.init
        )
    }

    /// Extends an expired lease, so that no runner expires the lease before.
    func postpone(_ leaseToken: LeaseToken, by duration: Duration) throws {
        try execute(
            """
            UPDATE jobs SET lease_until = \(now + duration)
            WHERE id = \(leaseToken.id) AND state = 'leased' AND fence = \(leaseToken.fence)
            """
        )
    }

    /// Ends a lease by a move of the state machine, when `leaseToken` is still valid.
    /// - Parameters:
    ///   - onlyExpired: changes nothing when the lease has not expired.
    ///   - progress: the last reported progress, where it is not written yet.
    ///   - error: the error of the attempt, bounded.
    /// - Returns: nil when the lease is lost, or, with `onlyExpired`, was renewed meanwhile.
    func move(
        _ leaseToken: LeaseToken,
        onlyExpired: Bool = false,
        progress: JobProgress? = nil,
        error: String? = nil,
        _ move: (inout JobLifecycle) throws -> JobLifecycle.Ending
    ) throws -> JobLifecycle.Ending? {
        let found = try first(
            """
            SELECT state, attempt, maximum_attempts, crash_count, fence, run_at, lease_until, cancel_requested_at
            FROM jobs WHERE id = \(leaseToken.id) AND state = 'leased' AND fence = \(leaseToken.fence) \(.forUpdate)
            """,
            JobLifecycle.init
        )
        guard var lifecycle = found else { return nil }
        if onlyExpired, let until = lifecycle.leaseUntil, until > now { return nil }
        let ending = try move(&lifecycle)
        let percent = ending == .completed ? 100 : progress?.percent
        let errorAt = error == nil ? nil : now
        let changed = try execute(
            """
            UPDATE jobs
            SET state = \(lifecycle.state), attempt = \(lifecycle.attempt), crash_count = \(lifecycle.crashes),
                fence = \(lifecycle.fence), run_at = \(lifecycle.runAt),
                lease_until = \(lifecycle.leaseUntil), finished_at = \(lifecycle.finishedAt),
                percent = COALESCE(\(percent), percent), phase = COALESCE(\(progress?.phase), phase),
                message = COALESCE(\(progress?.message), message),
                first_error = COALESCE(first_error, \(error)), first_error_at = COALESCE(first_error_at, \(errorAt)),
                last_error = COALESCE(\(error), last_error), last_error_at = COALESCE(\(errorAt), last_error_at)
            WHERE id = \(leaseToken.id) AND state = 'leased' AND fence = \(leaseToken.fence)
            """
        )
        return changed == 1 ? ending : nil
    }
}

extension ClaimedJob {
    init(_ row: Row) throws {
        leaseToken = LeaseToken(id: try row["id"], fence: try row["fence"])
        kind = try row["kind"]
        lane = try row["lane"]
        payload = try row["payload"]
        attempt = try row["attempt"]
        priority = try row["priority"]
        runAt = try row["run_at"]
    }
}

extension JobLifecycle {
    fileprivate init(_ row: Row) throws {
        self.init(
            state: try row["state"],
            attempt: try row["attempt"],
            maximumAttempts: try row["maximum_attempts"],
            crashes: try row["crash_count"],
            fence: try row["fence"],
            runAt: try row["run_at"],
            leaseUntil: try row["lease_until"],
            isCancelRequested: try row.read("cancel_requested_at", as: Instant?.self) != nil
        )
    }
}

extension JobStatus {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row["id"],
            name: try row["kind"],
            organisation: try row["organisation"],
            state: try row["state"],
            percent: try row["percent"],
            phase: try row["phase"],
            message: try row["message"],
            attempt: try row["attempt"],
            maximumAttempts: try row["maximum_attempts"],
            firstError: try row["first_error"],
            lastError: try row["last_error"],
            isCancelRequested: try row.read("cancel_requested_at", as: Instant?.self) != nil,
            runAt: try row["run_at"],
            createdAt: try row["created_at"],
            startedAt: try row["started_at"],
            finishedAt: try row["finished_at"],
            redrivenAs: try row["redriven_as"]
        )
    }
}
