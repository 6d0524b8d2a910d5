import Modules

/// The state of an event.
///
/// | state | event | next |
/// |---|---|---|
/// | – | create | planning |
/// | planning | a venue is booked | pending_venue |
/// | pending_venue | the venue declines, or its booking is cancelled | planning |
/// | pending_venue | the venue accepts | confirmed |
/// | planning | the organizer confirms, or the payment is received | confirmed |
/// | confirmed | the last booking of a paid event is declined or cancelled | planning |
/// | confirmed | the organizer completes it | completed |
/// | planning, pending_venue, confirmed | cancel | cancelled |
enum EventStatus: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case planning
    case pendingVenue = "pending_venue"
    case confirmed, completed, cancelled

    /// Whether services can be booked and their bookings changed.
    var isOpen: Bool { self == .planning || self == .pendingVenue || self == .confirmed }
}
