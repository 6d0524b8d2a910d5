import Identity
import Modules

/// The SQL of training sessions.
extension Transaction {
    /// Finds a session of the scope's organisation by its id or by the client's id.
    /// - Throws: `session-not-found`.
    func trainingSession(_ name: String, in scope: Scope) throws -> TrainingSession {
        try requireSession(Self.isNamed(name, in: scope))
    }

    /// As ``trainingSession(_:in:)``, with the row locked until the end of the transaction: concurrent requests that
    /// decide by the state of the session run one after the other.
    func lockedTrainingSession(_ name: String, in scope: Scope) throws -> TrainingSession {
        try requireSession(Self.isNamed(name, in: scope) + " \(.forUpdate)")
    }

    /// As ``lockedTrainingSession(_:in:)``, by id and organisation.
    func lockedTrainingSession(_ id: ID<TrainingSession>, of organisation: ID<Organisation>) throws -> TrainingSession {
        try requireSession("organisation_id = \(organisation) AND id = \(id) \(.forUpdate)")
    }

    private static func isNamed(_ name: String, in scope: Scope) -> SQL {
        "organisation_id = \(scope.organisation) AND (client_id = \(name) OR id = \(name.lowercased()))"
    }

    private func requireSession(_ condition: SQL) throws -> TrainingSession {
        let session = try first(Self.selectSession + "WHERE " + condition, TrainingSession.init)
        guard let session else { throw Problem(.sessionNotFound) }
        return session
    }

    func trainingSession(_ id: ID<TrainingSession>, of organisation: ID<Organisation>) throws -> TrainingSession? {
        try first(Self.selectSession + "WHERE organisation_id = \(organisation) AND id = \(id)", TrainingSession.init)
    }

    func trainingSessions(in scope: Scope, limit: Int) throws -> [TrainingSession] {
        try all(
            Self.selectSession
                + "WHERE organisation_id = \(scope.organisation) ORDER BY updated_at DESC, id DESC LIMIT \(limit)",
            TrainingSession.init)
    }

    func countTrainingSessions(in scope: Scope) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM training_sessions WHERE organisation_id = \(scope.organisation)")
    }

    /// Inserts the session unless the organisation has one whose id or client id is `clientID`.
    /// - Returns: whether a row was inserted.
    func ensureTrainingSession(_ clientID: String, id: ID<TrainingSession>, in scope: Scope) throws -> Bool {
        try execute(
            """
            INSERT INTO training_sessions (id, organisation_id, client_id, phase, is_finalized, created_at, updated_at)
            SELECT \(id), \(scope.organisation), \(clientID), 'upload', 0, \(now), \(now)
            WHERE NOT EXISTS (
                SELECT 1 FROM training_sessions
                WHERE organisation_id = \(scope.organisation) AND id = \(clientID.lowercased()))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func rename(_ session: TrainingSession, to name: String) throws {
        try execute(
            """
            UPDATE training_sessions SET name = \(name), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func update(_ session: TrainingSession, timeInfo: TimeInfo) throws {
        try execute(
            """
            UPDATE training_sessions SET time_info = \(try JSONColumn.encode(timeInfo)), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func update(_ session: TrainingSession, steps: StepSettings) throws {
        try execute(
            """
            UPDATE training_sessions SET steps = \(try JSONColumn.encode(steps)), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func finalize(_ session: TrainingSession) throws {
        try execute(
            """
            UPDATE training_sessions SET is_finalized = 1, updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func move(_ session: ID<TrainingSession>, of organisation: ID<Organisation>, to phase: TrainingSession.Phase) throws
    {
        try execute(
            """
            UPDATE training_sessions SET phase = \(phase), updated_at = \(now)
            WHERE id = \(session) AND organisation_id = \(organisation)
            """
        )
    }

    func setDatasets(_ run: ID<Run>, count: Int64, of session: ID<TrainingSession>, in organisation: ID<Organisation>)
        throws
    {
        try execute(
            """
            UPDATE training_sessions
            SET dataset_run_id = \(run), dataset_count = \(count), phase = 'phase2', updated_at = \(now)
            WHERE id = \(session) AND organisation_id = \(organisation)
            """
        )
    }

    /// Deletes a session and the rows that refer to it.
    func delete(_ session: TrainingSession) throws {
        for table in ["training_plots", "training_models", "training_runs", "training_files"] {
            try execute(
                """
                DELETE FROM \(SQL(trusted: table))
                WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
                """
            )
        }
        try execute(
            """
            DELETE FROM training_chunks
            WHERE upload_id IN (SELECT id FROM training_uploads WHERE session_id = \(session.id))
            """
        )
        try execute(
            """
            DELETE FROM training_uploads
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
        try execute(
            "DELETE FROM training_sessions WHERE id = \(session.id) AND organisation_id = \(session.organisation)")
    }

    private static var selectSession: SQL {
        """
        SELECT id, organisation_id, client_id, name, phase, is_finalized, time_info, steps, dataset_run_id,
               dataset_count, created_at, updated_at
        FROM training_sessions

        """
    }
}
