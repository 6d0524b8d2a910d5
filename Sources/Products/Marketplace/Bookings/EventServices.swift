import Billing
import Identity
import Modules

/// Booked services as organizers and vendors see them. A new one is a booking, at the vendor's price; deleting one
/// cancels it; only its notes are changed here.
enum EventServices: Resource {
    typealias Subject = ServiceBooking

    static let name = "event-services"
    static let article = "a booked service"
    static let table: SQL = "marketplace_event_services"
    static let fields: [ResourceField] = [
        .atCreation("event_id", .id, .filtered),
        .atCreation("provider_id", .id, .filtered),
        .atCreation("service_id", .id, .filtered, isRequired: false),
        .server("venue_id", .id, .filtered),
        .server("agreed_price", .amount, .sorted),
        .server("currency", .currency),
        .server("status", .choice(EventServiceStatus.allCases.map(\.rawValue)), .filtered),
        .optional("notes", .text(0...2_000), .searched),
        .server("completion_photos", .webAddresses(count: ServiceBooking.photosMax)),
        .server("completion_notes", .text(0...5_000)),
        .server("confirmed_at", .instant),
        .server("completed_at", .instant),
        .server("approved_at", .instant),
        .server("cancelled_at", .instant),
    ]

    static func isPublic(for scope: Scope) -> SQL { "vendor_organisation_id = \(scope.organisation)" }

    static var problems: [Problem.Kind] {
        [
            .notFound, .notTheOwner, .serviceState, .releaseInProgress, .currencyMismatch, .dateUnavailable,
            .amountMismatch,
        ]
    }
}
