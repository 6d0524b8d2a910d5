import Identity
import Modules

/// The endpoints of administrators about bookings and disputes.
struct MarketplaceAdministrationRoutes: Sendable {
    let bookings: BookingAdministrationService
    let disputes: MarketplaceDisputeService
    let administrator: RoleRequirement

    var routes: [Route] {
        [
            .get(
                "admin/bookings", "List events with their bookings, the newest first", requires: administrator,
                .query("status", oneOf: EventStatus.allCases.map(\.rawValue)), .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [bookings] _, status, limit, offset in
                try await bookings.list(status, limit: limit, offset: offset)
            },
            .get(
                "admin/bookings/{event_id}", "Get an event with its bookings", requires: administrator,
                .path("event_id", of: MarketplaceEvent.self)
            ) { [bookings] _, id in try await bookings.get(id) },
            .get(
                "admin/disputes", "List disputes about services, the newest first", requires: administrator,
                .query("status", oneOf: MarketplaceDispute.Status.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [disputes] _, status, limit, offset in
                try await disputes.list(status, limit: limit, offset: offset)
            },
            .get(
                "admin/disputes/{dispute_id}", "Get a dispute about a service", requires: administrator,
                .path("dispute_id", of: MarketplaceDispute.self)
            ) { [disputes] _, id in try await disputes.get(id) },
        ]
    }
}
