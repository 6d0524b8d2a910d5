import Identity
import Modules

/// The personal data of webhooks: exported, and deleted with the organisation. Secrets are never exported.
enum WebhooksPersonalData {
    /// In the order in which the rows can be erased: a referring table precedes the table that it refers to.
    static let tables: [PersonalDataTable] = {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        return [
            PersonalDataTable(
                "webhook-deliveries", in: "webhook_deliveries", where: inErasedOrganisations,
                showing: [
                    "id", "event_id", "endpoint_id", "state", "attempts", "attempted_at", "status", "error",
                    "response", "created_at", "ended_at",
                ]),
            PersonalDataTable(
                "webhook-events", in: "webhook_events", where: inErasedOrganisations,
                showing: ["id", "type", "body", "created_at"]),
            PersonalDataTable(
                "webhook-endpoints", in: "webhook_endpoints", where: inErasedOrganisations,
                showing: [
                    "id", "url", "description", "event_types", "state", "disabled_because", "created_at", "updated_at",
                ]),
        ]
    }()
}
