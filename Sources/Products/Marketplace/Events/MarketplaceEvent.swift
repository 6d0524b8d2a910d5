import Identity
import Modules

/// An event that an organizer plans. Its transitions are those of ``EventStatus``.
struct MarketplaceEvent: Sendable {
    let id: ID<MarketplaceEvent>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let title: String?
    let eventType: String
    let date: CalendarDate?
    let guestCount: Int64
    let currency: Currency
    /// Minor units of what is booked and not cancelled.
    let totalMinor: Int64
    /// Minor units that the platform has kept of what was paid for cancelled bookings.
    let feeMinor: Int64
    private(set) var venue: ID<Venue>?
    let template: ID<EventTemplate>?
    private(set) var status: EventStatus
    private(set) var paidAt: Instant?
    private(set) var completedAt: Instant?
    private(set) var cancelledAt: Instant?
    private(set) var cancelReason: String?

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        title = try row["title"]
        eventType = try row["event_type"]
        date = try row["date"]
        guestCount = try row["guest_count"]
        currency = try row.currency("currency")
        totalMinor = try row["total_minor"]
        feeMinor = try row["fee_minor"]
        venue = try row["venue_id"]
        template = try row["template_id"]
        status = try row["status"]
        paidAt = try row["paid_at"]
        completedAt = try row["completed_at"]
        cancelledAt = try row["cancelled_at"]
        cancelReason = try row["cancel_reason"]
    }

    /// What is booked and not cancelled.
    var total: Money { Money(totalMinor, currency) }

    /// The title, or else the type: never empty.
    var displayName: String { title ?? eventType }

    /// Whether its day has come; an event without a date has taken place when its organizer has completed it.
    func hasTakenPlace(on today: CalendarDate) -> Bool {
        date.map { $0.text <= today.text } ?? (status == .completed)
    }

    // MARK: Transitions

    /// - Throws: `event-state` unless the event is in planning.
    mutating func bookVenue(_ venue: ID<Venue>) throws(Problem) {
        try require(.planning, to: "book a venue")
        self.venue = venue
        status = .pendingVenue
    }

    /// The venue has accepted.
    mutating func acceptVenue() throws(Problem) {
        try require(.pendingVenue, to: "accept it")
        status = .confirmed
    }

    /// The booking of the venue has ended.
    mutating func removeVenue() throws(Problem) {
        guard status.isOpen else { throw refusal(to: "change its venue") }
        venue = nil
        if status == .pendingVenue { status = .planning }
    }

    /// The organizer confirms an event that waits for no venue.
    /// - Throws: `venue-not-accepted`, `event-state`.
    mutating func confirm() throws(Problem) {
        guard status != .pendingVenue else { throw Problem(.venueNotAccepted) }
        try require(.planning, to: "confirm it")
        status = .confirmed
    }

    /// The payment of the whole event was received. An event that waits for its venue is confirmed by the venue.
    mutating func markPaid(at now: Instant) {
        paidAt = paidAt ?? now
        if status == .planning { status = .confirmed }
    }

    /// Nothing that was paid is booked any more.
    mutating func reopen() {
        paidAt = nil
        if status == .confirmed { status = .planning }
    }

    mutating func complete(at now: Instant) throws(Problem) {
        try require(.confirmed, to: "complete it")
        status = .completed
        completedAt = now
    }

    /// - Throws: `event-state` for an event that is completed or cancelled.
    mutating func cancel(because reason: String?, at now: Instant) throws(Problem) {
        guard status.isOpen else { throw refusal(to: "cancel it") }
        status = .cancelled
        cancelledAt = now
        cancelReason = reason
    }

    /// - Throws: `event-state` for an event that is completed or cancelled.
    func requireOpen(to verb: String) throws(Problem) {
        guard status.isOpen else { throw refusal(to: verb) }
    }

    private func require(_ wanted: EventStatus, to verb: String) throws(Problem) {
        guard status == wanted else { throw refusal(to: verb) }
    }

    private func refusal(to verb: String) -> Problem {
        Problem(
            .eventState, detail: "The event is \(status.rawValue): you cannot \(verb).",
            members: ["event_status": .string(status.rawValue)])
    }
}
