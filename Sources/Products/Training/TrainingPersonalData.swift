import Files
package import Identity
import Modules

extension TrainingModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] {
        let ours: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        let places = sessions.places
        return [
            // In organisations that stay, runs stay: only who started them is forgotten.
            PersonalDataTable("training-runs-elsewhere", in: "training_runs") { subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE training_runs SET started_by = \(pseudonym) WHERE started_by = \(subject.person)")
            },
            PersonalDataTable(
                "training-plots", in: "training_plots", where: ours,
                showing: ["run_id", "session_id", "name", "kind", "label", "file_name", "position"],
                orderedBy: "run_id, position, name"
            ),
            PersonalDataTable(
                "training-models", in: "training_models", where: ours,
                showing: ["id", "session_id", "run_id", "file_name", "mode", "bytes", "created_at"]
            ),
            PersonalDataTable(
                "training-runs", in: "training_runs", where: ours,
                showing: [
                    "id", "session_id", "kind", "state", "operation_key", "request", "result", "error", "created_at",
                    "finished_at",
                ]
            ),
            PersonalDataTable(
                "training-chunks", in: "training_chunks",
                where: {
                    "upload_id IN (SELECT id FROM training_uploads WHERE organisation_id IN \(list: $0.organisations))"
                }
            ),
            PersonalDataTable(
                "training-uploads", in: "training_uploads", where: ours,
                showing: ["id", "session_id", "file_name", "kind", "chunk_count", "created_at"]
            ) { subject, transaction in
                try transaction.trainingIDs(in: "training_uploads", of: subject).map { places.upload(ID(trusted: $0)) }
            },
            PersonalDataTable(
                "training-files", in: "training_files", where: ours,
                showing: ["id", "session_id", "name", "kind", "digest", "bytes", "settings", "report", "created_at"]
            ),
            PersonalDataTable(
                "training-sessions", in: "training_sessions", where: ours,
                showing: [
                    "id", "client_id", "name", "phase", "is_finalized", "time_info", "steps", "dataset_count",
                    "created_at", "updated_at",
                ]
            ) { subject, transaction in
                try transaction.trainingIDs(in: "training_sessions", of: subject).map {
                    places.session(ID(trusted: $0))
                }
            },
        ]
    }
}

extension Transaction {
    fileprivate func trainingIDs(in table: String, of subject: DataSubject) throws -> [String] {
        try all(
            SQL(trusted: "SELECT id FROM \(table) WHERE organisation_id IN ")
                + "\(list: subject.organisations) ORDER BY id"
        ) { try $0["id"] }
    }
}
