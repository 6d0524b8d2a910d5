import Files
import Identity
import Modules

/// What the tables and files of Sandbox hold of a person: for export and erasure. Credentials are never exported.
enum SandboxPersonalData {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    static let tables: [PersonalDataTable] = {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        return [
            // Sessions of organisations that remain are kept; the id of the person who created them is replaced.
            PersonalDataTable("sandbox-sessions-elsewhere", in: "sandbox_sessions") { subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE sandbox_sessions SET person_id = \(pseudonym) WHERE person_id = \(subject.person)")
            },
            PersonalDataTable(
                "sandbox-actions", in: "sandbox_actions", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "number", "kind", "status", "details", "execution_time_ms", "error_message",
                    "created_at",
                ]),
            PersonalDataTable(
                "sandbox-savings", in: "sandbox_savings", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "instance_type", "availability_zone", "spot_price", "on_demand_price", "source",
                    "started_at", "ended_at",
                ]),
            PersonalDataTable(
                "sandbox-resources", in: "sandbox_resources", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "move_id", "kind", "token", "aws_id", "state", "created_at", "removed_at",
                ]),
            PersonalDataTable(
                "sandbox-moves", in: "sandbox_moves", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "state", "from_instance_id", "instance_type", "availability_zone", "image_id",
                    "instance_id", "error", "started_at", "finished_at",
                ]),
            PersonalDataTable(
                "sandbox-sessions", in: "sandbox_sessions", where: inErasedOrganisations,
                showing: [
                    "id", "temp_username", "aws_account", "aws_region", "original_instance_id", "instance_id",
                    "instance_type", "availability_zone", "actuates", "state", "signal", "clean_up", "clean_up_report",
                    "created_at", "expires_at", "ended_at",
                ]),
            PersonalDataTable(
                "lab-experiments", in: "lab_experiments", where: inErasedOrganisations,
                showing: [
                    "id", "instance_id", "model_id", "model_version", "prediction_score", "decision",
                    "execution_duration_ms", "candidates_evaluated", "selected_type", "selected_zone", "spot_price",
                    "on_demand_price", "projected_savings", "pipeline_mode", "source", "executed_at",
                ]),
            PersonalDataTable(
                "lab-archives", in: "lab_archives", where: inErasedOrganisations,
                showing: ["id", "row_count", "bytes", "first_at", "last_at", "created_at"]
            ) { subject, transaction in
                try transaction.all(
                    "SELECT id FROM lab_archives WHERE organisation_id IN \(list: subject.organisations) ORDER BY id"
                ) { ExperimentService.file(ID(trusted: try $0["id"])) }
            },
            PersonalDataTable(
                "lab-instances", in: "lab_instances", where: inErasedOrganisations,
                showing: [
                    "instance_id", "pipeline_mode", "model_id", "enable_bin_packing", "enable_right_sizing",
                    "enable_family_stress", "aws_region", "created_at", "updated_at",
                ], orderedBy: "organisation_id, instance_id"),
        ]
    }()
}
