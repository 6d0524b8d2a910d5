import Entitlements
import Identity
import Modules

/// The SQL of runs.
extension Transaction {
    /// The values of a run to insert.
    struct NewRun: Sendable {
        let id: ID<Run>
        let session: TrainingSession
        let kind: Run.Kind
        let operation: String
        let fingerprint: String
        let request: String
        let storageBytes: Int64
        let reservation: ID<Reservation>
        let job: ID<QueuedJob>
        let startedBy: ID<Person>
    }

    func insert(_ run: NewRun) throws {
        try execute(
            """
            INSERT INTO training_runs
                (id, organisation_id, session_id, kind, state, operation_key, fingerprint, request, storage_bytes,
                 reservation_id, job_id, started_by, created_at)
            VALUES (\(run.id), \(run.session.organisation), \(run.session.id), \(run.kind), 'queued',
                    \(run.operation), \(run.fingerprint), \(run.request), \(run.storageBytes), \(run.reservation),
                    \(run.job), \(run.startedBy), \(now))
            """
        )
    }

    func run(_ id: ID<Run>, of organisation: ID<Organisation>) throws -> Run? {
        try first(Self.selectRun + "WHERE id = \(id) AND organisation_id = \(organisation)", Run.init)
    }

    func run(ofOperation operation: String, in organisation: ID<Organisation>) throws -> Run? {
        try first(Self.selectRun + "WHERE organisation_id = \(organisation) AND operation_key = \(operation)", Run.init)
    }

    func unfinishedRun(of session: TrainingSession) throws -> Run? {
        try first(
            Self.selectRun
                + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) "
                + "AND state IN ('queued', 'running')",
            Run.init
        )
    }

    func latestRun(of session: TrainingSession, kind: Run.Kind? = nil, state: Run.State? = nil) throws -> Run? {
        var statement: SQL =
            Self.selectRun + "WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)"
        if let kind { statement = statement + " AND kind = \(kind)" }
        if let state { statement = statement + " AND state = \(state)" }
        return try first(statement + " ORDER BY created_at DESC, id DESC LIMIT 1", Run.init)
    }

    func latestRuns(of session: TrainingSession, kind: Run.Kind, limit: Int) throws -> [ID<Run>] {
        try all(
            """
            SELECT id FROM training_runs
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND kind = \(kind)
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """
        ) { try $0["id"] }
    }

    /// - Returns: false where the run is finished.
    func begin(_ run: Run) throws -> Bool {
        try execute(
            """
            UPDATE training_runs SET state = 'running'
            WHERE id = \(run.id) AND organisation_id = \(run.organisation) AND state IN ('queued', 'running')
            """
        ) == 1
    }

    /// Compare and set: a run ends once.
    /// - Parameter storageBytes: the size of its files.
    /// - Returns: false where the run is finished.
    func succeed(_ run: Run, result: String, attempt: Int64, storageBytes: Int64) throws -> Bool {
        try execute(
            """
            UPDATE training_runs
            SET state = 'succeeded', result = \(result), attempt = \(attempt), storage_bytes = \(storageBytes),
                finished_at = \(now)
            WHERE id = \(run.id) AND organisation_id = \(run.organisation) AND state IN ('queued', 'running')
            """
        ) == 1
    }

    /// As ``succeed(_:result:attempt:storageBytes:)``, for a run that ends without a result.
    /// - Parameters:
    ///   - error: the reason, for users.
    ///   - code: as ``Run/errorCode``.
    func end(_ run: Run, as state: Run.State, error: String?, code: String?) throws -> Bool {
        try execute(
            """
            UPDATE training_runs
            SET state = \(state), error = \(error), error_code = \(code), storage_bytes = 0, finished_at = \(now)
            WHERE id = \(run.id) AND organisation_id = \(run.organisation) AND state IN ('queued', 'running')
            """
        ) == 1
    }

    /// Sets the storage of finished runs to none.
    /// - Returns: the bytes that they occupied, which the caller releases.
    func takeStorage(ofRuns runs: [ID<Run>], in organisation: ID<Organisation>) throws -> Int64 {
        var bytes: Int64 = 0
        for run in runs {
            // The row is locked, so that of concurrent calls one gets the bytes.
            let occupied: Int64? = try first(
                """
                SELECT storage_bytes FROM training_runs
                WHERE id = \(run) AND organisation_id = \(organisation) AND state NOT IN ('queued', 'running')
                \(.forUpdate)
                """
            ) { try $0["storage_bytes"] }
            guard let occupied, occupied > 0 else { continue }
            try execute(
                "UPDATE training_runs SET storage_bytes = 0 WHERE id = \(run) AND organisation_id = \(organisation)")
            bytes += occupied
        }
        return bytes
    }

    /// The storage that the runs of a session occupy, in bytes. Their rows are locked: it does not change before they
    /// are deleted.
    func lockedRunBytes(of session: TrainingSession) throws -> Int64 {
        let occupied: [Int64] = try all(
            """
            SELECT storage_bytes FROM training_runs
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) ORDER BY id \(.forUpdate)
            """
        ) { try $0["storage_bytes"] }
        return occupied.reduce(0, +)
    }

    private static var selectRun: SQL {
        """
        SELECT id, organisation_id, session_id, kind, state, operation_key, fingerprint, request, result, error,
               error_code, attempt, storage_bytes, reservation_id, job_id, started_by, created_at, finished_at
        FROM training_runs

        """
    }
}
