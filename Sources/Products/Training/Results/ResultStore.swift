import Forecasting
import Identity
import Modules

/// The SQL of plots and models.
extension Transaction {
    func insert(_ plot: Plot, run: Run, position: Int) throws {
        try execute(
            """
            INSERT INTO training_plots (run_id, organisation_id, session_id, name, kind, label, file_name, position)
            VALUES (\(run.id), \(run.organisation), \(run.session), \(plot.name), \(plot.kind), \(plot.label),
                    \(plot.fileName), \(position))
            ON CONFLICT DO NOTHING
            """
        )
    }

    func plots(of run: ID<Run>, in organisation: ID<Organisation>) throws -> [Plot] {
        try all(
            """
            SELECT name, kind, label, file_name FROM training_plots
            WHERE run_id = \(run) AND organisation_id = \(organisation) ORDER BY position
            """
        ) { Plot(name: try $0["name"], kind: try $0["kind"], label: try $0["label"], fileName: try $0["file_name"]) }
    }

    /// Deletes the plots of a session's datasets, except those of `run` and of the present datasets.
    func deleteDatasetPlots(of session: TrainingSession, except run: Run) throws {
        try execute(
            """
            DELETE FROM training_plots
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND run_id IN (
                SELECT id FROM training_runs
                WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND kind = 'datasets'
                  AND id <> \(run.id) AND id <> \(session.datasetRun ?? run.id))
            """
        )
    }

    func deletePlots(of run: ID<Run>, in organisation: ID<Organisation>) throws {
        try execute("DELETE FROM training_plots WHERE run_id = \(run) AND organisation_id = \(organisation)")
    }

    func insertModel(_ fileName: String, mode: ForecastMode, bytes: Int64, run: Run, id: ID<StoredModel>) throws {
        try execute(
            """
            INSERT INTO training_models (id, organisation_id, session_id, run_id, file_name, mode, bytes, created_at)
            VALUES (\(id), \(run.organisation), \(run.session), \(run.id), \(fileName), \(mode.rawValue), \(bytes),
                    \(now))
            """
        )
    }

    func models(of session: TrainingSession) throws -> [StoredModel] {
        try all(
            """
            SELECT training_models.id, run_id, attempt, file_name, mode, bytes, training_models.created_at
            FROM training_models JOIN training_runs ON training_runs.id = run_id
            WHERE training_models.session_id = \(session.id)
              AND training_models.organisation_id = \(session.organisation)
            ORDER BY training_models.created_at DESC, training_models.id DESC
            """
        ) { row in
            StoredModel(
                id: try row["id"],
                run: try row["run_id"],
                attempt: try row["attempt"],
                fileName: try row["file_name"],
                mode: try row["mode"],
                bytes: try row["bytes"],
                createdAt: try row["created_at"]
            )
        }
    }
}
