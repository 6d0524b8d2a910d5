import Files
import Identity
import Modules
import Realtime

/// The personal data of the assistant: exported, and deleted with the organisation.
enum AssistantPersonalData {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    /// - Parameter topics: have the events of sessions.
    static func tables(_ topics: TopicService) -> [PersonalDataTable] {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        // The conversations of a person are the person's own, also in organisations that remain.
        let ofSubject: @Sendable (DataSubject) -> SQL = {
            "(organisation_id IN \(list: $0.organisations) OR person_id = \($0.person))"
        }
        return [
            // Of sessions in organisations that remain, too.
            PersonalDataTable("assistant-topics", in: "topics") { subject, _, transaction in
                let sessions = try transaction.all(
                    "SELECT id, organisation_id FROM assistant_sessions WHERE \(ofSubject(subject))"
                ) { SessionEvents.topic(of: try $0["id"], in: try $0["organisation_id"]) }
                for session in sessions { try topics.remove(session, in: transaction) }
            },
            PersonalDataTable(
                "assistant-summaries", in: "assistant_summaries", where: ofSubject,
                showing: ["session_id", "through_position", "content", "turn_id", "created_at", "updated_at"],
                orderedBy: "session_id"),
            PersonalDataTable(
                "assistant-messages", in: "assistant_messages",
                where: { "session_id IN (SELECT id FROM assistant_sessions WHERE \(ofSubject($0)))" },
                showing: [
                    "id", "session_id", "turn_id", "position", "role", "content", "parts", "token_count",
                    "is_interrupted",
                    "created_at",
                ], orderedBy: "session_id, position"),
            // Behind the deletion of the messages, whose words would stay in the files of SQLite.
            PersonalDataTable("assistant-message-texts", in: "assistant_messages_text") { subject, _, transaction in
                let sessions = try transaction.count(
                    "SELECT COUNT(*) AS count FROM assistant_sessions WHERE \(ofSubject(subject))")
                if sessions > 0 { try transaction.execute(AssistantSchema.messageTexts.merge) }
            },
            // What turns have cost organisations that remain is kept, without the session and the person.
            PersonalDataTable("assistant-turns-elsewhere", in: "assistant_turns") { subject, pseudonym, transaction in
                try transaction.execute(
                    """
                    UPDATE assistant_turns SET person_id = \(pseudonym), session_id = NULL
                    WHERE person_id = \(subject.person)
                    """
                )
            },
            PersonalDataTable(
                "assistant-turns", in: "assistant_turns", where: inErasedOrganisations,
                showing: [
                    "id", "session_id", "model", "state", "is_streamed", "reserved_tokens", "input_tokens",
                    "output_tokens", "is_estimated", "cost_micros", "error", "started_at", "finished_at",
                ]),
            PersonalDataTable(
                "assistant-tool-executions", in: "assistant_tool_executions", where: ofSubject,
                showing: [
                    "id", "session_id", "tool_name", "tool_type", "server_name", "input_params", "output", "status",
                    "error_message", "execution_millis", "is_reported", "created_at", "completed_at",
                ]),
            PersonalDataTable(
                "assistant-sessions", in: "assistant_sessions", where: ofSubject,
                showing: [
                    "id", "project_id", "name", "model", "metadata", "message_count", "turn_count", "error_count",
                    "input_tokens", "output_tokens", "cost_micros", "archived_at", "created_at", "updated_at",
                ]),
            PersonalDataTable(
                "assistant-projects", in: "assistant_projects", where: ofSubject,
                showing: ["id", "name", "description", "path", "metadata", "is_active", "created_at", "updated_at"]),
            PersonalDataTable(
                "assistant-mcp-tools", in: "assistant_mcp_tools", where: inErasedOrganisations,
                showing: ["server_id", "name", "definition"], orderedBy: "server_id, position"),
            // A server belongs to its organisation; without it, the name of the member who has added it goes.
            PersonalDataTable("assistant-mcp-servers-elsewhere", in: "assistant_mcp_servers") {
                subject, pseudonym, transaction in
                try transaction.execute(
                    """
                    UPDATE assistant_mcp_servers SET person_id = \(pseudonym) WHERE person_id = \(subject.person)
                    """
                )
            },
            PersonalDataTable(
                "assistant-mcp-servers", in: "assistant_mcp_servers", where: inErasedOrganisations,
                showing: [
                    "id", "name", "kind", "url", "priority", "approval", "status", "error", "started_at", "created_at",
                    "updated_at",
                ]),
            PersonalDataTable(
                "assistant-allowances", in: "assistant_allowances", where: { "person_id = \($0.person)" },
                showing: ["month", "used", "held"], orderedBy: "month"),
            PersonalDataTable(
                "assistant-usage", in: "assistant_usage", where: inErasedOrganisations,
                showing: [
                    "unit", "starts_at", "project_id", "model", "sessions", "messages", "turns", "errors",
                    "input_tokens", "output_tokens", "cost_micros",
                ], orderedBy: "unit, starts_at, organisation_id, project_id, model"),
            PersonalDataTable(
                "assistant-tool-usage", in: "assistant_tool_usage", where: inErasedOrganisations,
                showing: ["starts_at", "tool_name", "server_name", "invocations", "failures", "duration_micros"],
                orderedBy: "starts_at, organisation_id, tool_name, server_name"),
            PersonalDataTable(
                "assistant-workspace-changes", in: "assistant_workspace_changes", where: inErasedOrganisations),
            PersonalDataTable(
                "assistant-workspaces", in: "assistant_workspaces", where: inErasedOrganisations,
                showing: ["organisation_id", "bytes", "entries", "counted_at"], orderedBy: "organisation_id",
                fileKeys: { subject, _ in subject.organisations.map(WorkspaceFolder.key) }),
        ]
    }
}
