import Identity
import Modules

/// A person who takes part in an event that another organisation plans.
enum EventCollaborator: Sendable {}

/// Collaborators: they see the event and take part in its chat, from their acceptance on. They leave by deleting the
/// row, as the organizer removes them.
enum EventCollaborators: Resource {
    typealias Subject = EventCollaborator

    static let name = "event-collaborators"
    static let article = "a collaborator of an event"
    static let table: SQL = "marketplace_collaborators"
    static let fields: [ResourceField] = [
        .atCreation("event_id", .id, .filtered),
        .atCreation("user_id", .id, .filtered),
        .optional("role", .text(1...60), .filtered),
        .optional("details", .json, .own),
        .server("accepted_at", .instant),
    ]

    static func isPublic(for scope: Scope) -> SQL { "user_id = \(scope.person)" }

    static func mayDelete(_ row: ResourceRow<Self>, by scope: Scope) throws -> Bool {
        try row.row["user_id"] == scope.person
    }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        guard let id: ID<MarketplaceEvent> = row.id("event_id"),
            let event = try transaction.event(id, of: scope.organisation)
        else { throw Problem.invalid("/event_id", "names no event of your organisation") }
        try event.requireOpen(to: "add collaborators")
        guard let person: ID<Person> = row.id("user_id"), try Contact.of(person, in: transaction) != nil else {
            throw Problem.invalid("/user_id", "names no account")
        }
    }
}
