import Identity
import Modules

/// The personal data of workflows: exported, and deleted with the organisation.
enum WorkflowsPersonalData {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    static let tables: [PersonalDataTable] = {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = {
            "organisation_id IN \(list: $0.organisations)"
        }
        return [
            // Workflows of organisations that remain are kept; the id of the person who submitted them is replaced.
            PersonalDataTable("workflows-elsewhere", in: "workflows") { subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE workflows SET person_id = \(pseudonym) WHERE person_id = \(subject.person)")
            },
            PersonalDataTable("workflow-schedules-elsewhere", in: "workflow_schedules") {
                subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE workflow_schedules SET person_id = \(pseudonym) WHERE person_id = \(subject.person)")
            },
            PersonalDataTable(
                "workflow-schedules", in: "workflow_schedules", where: inErasedOrganisations,
                showing: ["id", "intent", "graph", "cron", "time_zone", "next_at", "is_active", "created_at"]),
            PersonalDataTable("workflow-approvals-elsewhere", in: "workflow_approvals") {
                subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE workflow_approvals SET answered_by = \(pseudonym) WHERE answered_by = \(subject.person)")
            },
            PersonalDataTable(
                "workflow-approvals", in: "workflow_approvals", where: inErasedOrganisations,
                showing: ["id", "workflow_id", "step_id", "question", "state", "asked_at", "answered_at"]),
            PersonalDataTable(
                "workflow-effects", in: "workflow_effects", where: inErasedOrganisations,
                showing: ["id", "step_id", "attempt", "kind", "state", "output", "created_at", "settled_at"]),
            PersonalDataTable(
                "workflow-agents", in: "workflow_agents", where: inErasedOrganisations,
                showing: ["id", "workflow_id", "step_id", "capabilities", "state", "spawned_at", "ended_at"]),
            PersonalDataTable("workflow-costs-elsewhere", in: "workflow_costs") { subject, pseudonym, transaction in
                try transaction.execute(
                    "UPDATE workflow_costs SET person_id = \(pseudonym) WHERE person_id = \(subject.person)")
            },
            PersonalDataTable(
                "workflow-costs", in: "workflow_costs", where: inErasedOrganisations,
                showing: ["person_id", "plan", "day", "attempts", "cost", "estimated_cost"],
                orderedBy: "person_id, plan, day"),
            PersonalDataTable(
                "workflow-steps", in: "workflow_steps", where: inErasedOrganisations,
                showing: [
                    "id", "workflow_id", "node_id", "node", "state", "attempt", "output", "error", "cost", "started_at",
                    "finished_at",
                ]),
            PersonalDataTable(
                "workflow-files", in: "workflow_files", where: inErasedOrganisations,
                showing: ["id", "root_id", "path", "bytes", "sha256", "created_at"]),
            PersonalDataTable(
                "workflows", in: "workflows", where: inErasedOrganisations,
                showing: [
                    "id", "intent", "context", "graph", "priority", "state", "cost", "error", "created_at",
                    "started_at", "finished_at",
                ]
            ) { subject, transaction in
                // Also where no file is left: a folder keeps what was replaced, and what was not accepted in the end.
                try transaction.all(
                    """
                    SELECT DISTINCT root_id FROM workflows
                    WHERE organisation_id IN \(list: subject.organisations) ORDER BY root_id
                    """
                ) { WorkflowFile.folder(of: ID(trusted: try $0["root_id"])) }
            },
        ]
    }()
}
