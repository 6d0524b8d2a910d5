import Files
import Identity
import Modules

/// What the tables and files of training hold of a person: for export and erasure.
struct TrainingPersonalData: Sendable {
    let filePaths: TrainingFilePaths

    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    var tables: [PersonalDataTable] {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        let filePaths = filePaths
        return [
            // Runs of organisations that remain are kept; the id of the person who started them is replaced.
            PersonalDataTable("training-runs-elsewhere", in: "training_runs") { subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE training_runs SET started_by = \(pseudonym) WHERE started_by = \(subject.person)")
            },
            PersonalDataTable(
                "training-plots", in: "training_plots", where: inErasedOrganisations,
                showing: ["run_id", "session_id", "name", "kind", "label", "file_name", "position"],
                orderedBy: "run_id, position, name"
            ),
            PersonalDataTable(
                "training-models", in: "training_models", where: inErasedOrganisations,
                showing: ["id", "session_id", "run_id", "file_name", "mode", "bytes", "created_at"]
            ),
            PersonalDataTable(
                "training-runs", in: "training_runs", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "kind", "state", "operation_key", "request", "result", "error",
                    "error_code", "storage_bytes", "created_at", "finished_at",
                ]
            ),
            PersonalDataTable(
                "training-chunks", in: "training_chunks",
                where: {
                    "upload_id IN (SELECT id FROM training_uploads WHERE organisation_id IN \(list: $0.organisations))"
                }
            ),
            PersonalDataTable(
                "training-uploads", in: "training_uploads", where: inErasedOrganisations,
                showing: ["id", "session_id", "file_name", "kind", "chunk_count", "created_at"]
            ) { subject, transaction in
                try transaction.trainingIDs(in: "training_uploads", of: subject).map {
                    filePaths.upload(ID(trusted: $0))
                }
            },
            PersonalDataTable(
                "training-files", in: "training_files", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "name", "kind", "digest", "bytes", "series_bytes", "settings", "report",
                    "created_at",
                ]
            ),
            PersonalDataTable(
                "training-sessions", in: "training_sessions", where: inErasedOrganisations,
                showing: [
                    "id", "client_id", "name", "phase", "is_finalized", "time_info", "steps", "dataset_count",
                    "created_at", "updated_at",
                ]
            ) { subject, transaction in
                try transaction.trainingIDs(in: "training_sessions", of: subject).map {
                    filePaths.session(ID(trusted: $0))
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
