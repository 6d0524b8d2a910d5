import Modules

/// The state of a booked service, or of the booked venue, of an event.
///
/// | state | event | next |
/// |---|---|---|
/// | – | book | pending |
/// | pending | the vendor accepts | confirmed |
/// | pending, confirmed | the vendor declines, or the organizer cancels | cancelled |
/// | pending, confirmed | the vendor hands in the proof of completion | completed |
/// | completed | the organizer approves, and the money is transferred | paid |
/// | completed | the organizer disputes | disputed |
/// | disputed | resolved for the vendor | completed, and its payment begins |
/// | disputed | resolved for the organizer, and the money is returned | cancelled |
/// | paid | an administrator reverses the payment | completed |
/// | pending, completed | an administrator holds it | on_hold |
/// | on_hold | the administrator ends the hold | the state before it |
///
/// While its payment is under way (``ServiceBooking/release``), a service cannot be cancelled, disputed or held.
enum EventServiceStatus: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case pending, confirmed, completed, paid, disputed
    case onHold = "on_hold"
    case cancelled
}
