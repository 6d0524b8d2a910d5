import Identity
import Modules

/// The personal data of topics: the messages are exported, and deleted with the organisation.
enum RealtimePersonalData {
    static let tables: [PersonalDataTable] = {
        let inErasedOrganisations: @Sendable (DataSubject) -> SQL = { "organisation_id IN \(list: $0.organisations)" }
        return [
            PersonalDataTable(
                "topic-messages", in: "topic_messages", where: inErasedOrganisations,
                showing: ["topic", "seq", "type", "data", "created_at"], orderedBy: "organisation_id, topic, seq"),
            PersonalDataTable("topics", in: "topics", where: inErasedOrganisations),
            PersonalDataTable("realtime-tickets", in: "realtime_tickets", where: inErasedOrganisations),
        ]
    }()
}
