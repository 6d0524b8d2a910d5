import Identity
import Modules

/// Events as their organizers keep them. What is booked, the total and the state are the server's.
enum Events: Resource {
    typealias Subject = MarketplaceEvent

    static let name = "events"
    static let article = "an event"
    static let table: SQL = "marketplace_events"
    static let fields: [ResourceField] = [
        .optional("title", .text(1...200), [.searched, .sorted]),
        .required("event_type", .text(1...60), [.filtered, .searched]),
        .optional("date", .date, [.filtered, .sorted]),
        .optional("time", .time),
        .optional("city", .text(1...100), [.filtered, .searched]),
        .required("guest_count", .integer(0...MarketplaceLimits.guestsMax), .sorted),
        .optional("budget", .amount, .own, default: 0),
        .server("total", .amount, .own),
        .atCreation("currency", .currency, isRequired: false, default: .string(Currency.usual.code)),
        .atCreation("template_id", .id, .filtered, isRequired: false),
        .optional("template_data", .json, .own),
        .server("venue_id", .id, .filtered),
        .server("iterations_used", .integer(0...Int64.max), .own),
        .server("status", .choice(EventStatus.allCases.map(\.rawValue)), [.filtered, .sorted]),
        .server("paid_at", .instant, .own),
        .server("completed_at", .instant),
        .server("cancelled_at", .instant),
        .server("cancel_reason", .text(0...2_000), .own),
    ]

    /// Vendors of a booking and collaborators see the event, without its budget and its plan.
    static func isPublic(for scope: Scope) -> SQL {
        """
        id IN (SELECT event_id FROM marketplace_event_services
               WHERE vendor_organisation_id = \(scope.organisation) AND status <> 'cancelled')
        OR id IN (SELECT event_id FROM marketplace_collaborators
                  WHERE user_id = \(scope.person) AND accepted_at IS NOT NULL)
        """
    }

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        row.set("status", EventStatus.planning)
        guard let template: ID<EventTemplate> = row.id("template_id") else { return }
        try transaction.use(template, by: scope)
    }

    /// The date, the guests and the place of an event are those that vendors have been booked for.
    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        let event = try MarketplaceEvent(row: row.row)
        try event.requireOpen(to: "change it")
        guard ["date", "guest_count"].contains(where: { changes.sent[$0] != nil }) else { return }
        let isBooked = try transaction.serviceBookings(of: row.id).contains { $0.status != .cancelled }
        guard !isBooked else {
            throw Problem(.inUse, detail: "Vendors are booked for its date and guests: cancel the bookings first.")
        }
    }

    static func checkDeletion(of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction) throws {
        guard try transaction.countServiceBookings(of: row.id) == 0, try row.row["paid_at"] == SQL.Value.null else {
            throw Problem(.inUse, detail: "The event has bookings: cancel it instead.")
        }
        let review = try transaction.first("SELECT id FROM marketplace_reviews WHERE event_id = \(row.id) LIMIT 1")
        guard review == nil else { throw Problem(.inUse, detail: "The event has reviews: delete them first.") }
    }

    static var problems: [Problem.Kind] { [.notFound] }
}
