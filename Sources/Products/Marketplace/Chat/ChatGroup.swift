import Identity
import Modules

/// The conversation of a confirmed event: its organizer, the hosts and providers that are booked, and collaborators.
struct ChatGroup: Sendable {
    /// What a member is to the event. Names are not shown.
    enum Role: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case organizer, venue, provider, participant

        /// What other members read in place of a name.
        var displayName: String {
            switch self {
            case .organizer: "Event Organizer"
            case .venue: "Venue Host"
            case .provider: "Service Provider"
            case .participant: "Participant"
            }
        }
    }

    let id: ID<ChatGroup>
    /// Of the organizer.
    let organisation: ID<Organisation>
    let event: ID<MarketplaceEvent>
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        event = try row["event_id"]
        createdAt = try row["created_at"]
    }
}

/// A message of a chat group. The text of a blocked one is not stored.
struct ChatMessage: Sendable {
    let id: ID<ChatMessage>
    let group: ID<ChatGroup>
    let person: ID<Person>
    let role: ChatGroup.Role
    let content: String
    let attachment: String?
    let isBlocked: Bool
    let createdAt: Instant

    /// What other members read in place of a message with contact details.
    static let notice =
        "This message was blocked because it contains contact details. Please keep the conversation here."
    static let lengthMax = 4_000
    /// Kept for two years; deleted with the event.
    static let retention = Duration.days(730)
}
