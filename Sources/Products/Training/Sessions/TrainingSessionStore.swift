import Identity
import Modules

/// Every SQL statement about training sessions.
extension Transaction {
    /// Finds a session by its id or by the id that the client made up; somebody else's cannot be found.
    func trainingSession(_ name: String, in scope: Scope) throws -> TrainingSession {
        let session = try first(
            Self.selectSession
                + "WHERE organisation_id = \(scope.organisation) AND (client_id = \(name) OR id = \(name.lowercased()))",
            TrainingSession.init
        )
        guard let session else { throw Problem(.sessionNotFound) }
        return session
    }

    /// As ``trainingSession(_:in:)``, with the row locked: of two requests at once that decide by what a session has, one sees what the
    /// other did.
    func lockedTrainingSession(_ name: String, in scope: Scope) throws -> TrainingSession {
        let session = try first(
            Self.selectSession
                + "WHERE organisation_id = \(scope.organisation) AND (client_id = \(name) OR id = \(name.lowercased())) \(.forUpdate)",
            TrainingSession.init
        )
        guard let session else { throw Problem(.sessionNotFound) }
        return session
    }

    /// As ``lockedTrainingSession(_:in:)``, by its id.
    func lockedTrainingSession(_ id: ID<TrainingSession>, of organisation: ID<Organisation>) throws -> TrainingSession {
        let session = try first(
            Self.selectSession + "WHERE organisation_id = \(organisation) AND id = \(id) \(.forUpdate)",
            TrainingSession.init
        )
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

    /// Makes the session if the client has not used its id yet, neither one that it made up nor one that it was told.
    func ensureTrainingSession(_ clientID: String, id: ID<TrainingSession>, in scope: Scope) throws -> Bool {
        try execute(
            """
            INSERT INTO training_sessions (id, organisation_id, client_id, phase, is_finalized, created_at, updated_at)
            SELECT \(id), \(scope.organisation), \(clientID), 'upload', 0, \(now), \(now)
            WHERE NOT EXISTS (SELECT 1 FROM training_sessions WHERE organisation_id = \(scope.organisation) AND id = \(clientID.lowercased()))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func rename(_ session: TrainingSession, to name: String) throws {
        try execute(
            "UPDATE training_sessions SET name = \(name), updated_at = \(now) WHERE id = \(session.id) AND organisation_id = \(session.organisation)"
        )
    }

    func update(_ session: TrainingSession, timeInfo: TimeInfo) throws {
        try execute(
            """
            UPDATE training_sessions SET time_info = \(try JSONText.encode(timeInfo)), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func update(_ session: TrainingSession, steps: StepSettings) throws {
        try execute(
            """
            UPDATE training_sessions SET steps = \(try JSONText.encode(steps)), updated_at = \(now)
            WHERE id = \(session.id) AND organisation_id = \(session.organisation)
            """
        )
    }

    func finalize(_ session: TrainingSession) throws {
        try execute(
            "UPDATE training_sessions SET is_finalized = 1, updated_at = \(now) WHERE id = \(session.id) AND organisation_id = \(session.organisation)"
        )
    }

    func move(_ session: ID<TrainingSession>, of organisation: ID<Organisation>, to phase: TrainingSession.Phase) throws
    {
        try execute(
            "UPDATE training_sessions SET phase = \(phase), updated_at = \(now) WHERE id = \(session) AND organisation_id = \(organisation)"
        )
    }

    func setDatasets(_ run: ID<Run>, count: Int64, of session: ID<TrainingSession>, in organisation: ID<Organisation>)
        throws
    {
        try execute(
            """
            UPDATE training_sessions SET dataset_run_id = \(run), dataset_count = \(count), phase = 'phase2', updated_at = \(now)
            WHERE id = \(session) AND organisation_id = \(organisation)
            """
        )
    }

    /// Removes a session and everything that hangs on it.
    func delete(_ session: TrainingSession) throws {
        for table in ["training_plots", "training_models", "training_runs", "training_files"] {
            try execute(
                "DELETE FROM \(SQL(trusted: table)) WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)"
            )
        }
        try execute(
            "DELETE FROM training_chunks WHERE upload_id IN (SELECT id FROM training_uploads WHERE session_id = \(session.id))"
        )
        try execute(
            "DELETE FROM training_uploads WHERE session_id = \(session.id) AND organisation_id = \(session.organisation)"
        )
        try execute(
            "DELETE FROM training_sessions WHERE id = \(session.id) AND organisation_id = \(session.organisation)")
    }

    private static var selectSession: SQL {
        """
        SELECT id, organisation_id, client_id, name, phase, is_finalized, time_info, steps, dataset_run_id, dataset_count, created_at, updated_at
        FROM training_sessions

        """
    }
}
