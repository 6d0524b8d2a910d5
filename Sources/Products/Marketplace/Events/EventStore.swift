import Identity
import Modules

/// The SQL of events.
extension Transaction {
    func insert(_ event: NewEvent) throws {
        try execute(
            """
            INSERT INTO marketplace_events (
                id, organisation_id, person_id, title, event_type, date, time, city, guest_count, budget_minor,
                currency, template_id, template_data, iterations_used, status, created_at, updated_at)
            VALUES (\(event.id), \(event.organisation), \(event.person), \(event.title), \(event.eventType),
                    \(event.date), \(event.time), \(event.city), \(event.guestCount), \(event.budget.minorUnits),
                    \(event.budget.currency.code), \(event.template), \(event.plan), \(event.iterations),
                    \(EventStatus.planning), \(now), \(now))
            """
        )
    }

    /// - Parameter organisation: of the organizer.
    func event(_ id: ID<MarketplaceEvent>, of organisation: ID<Organisation>) throws -> MarketplaceEvent? {
        try first(
            "SELECT * FROM marketplace_events WHERE id = \(id) AND organisation_id = \(organisation)",
            MarketplaceEvent.init)
    }

    /// An event of any organisation, for work whose right was checked by other rows.
    func event(_ id: ID<MarketplaceEvent>) throws -> MarketplaceEvent? {
        try first("SELECT * FROM marketplace_events WHERE id = \(id)", MarketplaceEvent.init)
    }

    /// As ``event(_:)``, locked until the transaction ends. Events are locked before their services.
    func lockedEvent(_ id: ID<MarketplaceEvent>) throws -> MarketplaceEvent? {
        try first("SELECT * FROM marketplace_events WHERE id = \(id) \(.forUpdate)", MarketplaceEvent.init)
    }

    /// Writes a transition of an event that this transaction has locked.
    func update(_ event: MarketplaceEvent) throws {
        try execute(
            """
            UPDATE marketplace_events
            SET status = \(event.status), venue_id = \(event.venue), paid_at = \(event.paidAt),
                completed_at = \(event.completedAt), cancelled_at = \(event.cancelledAt),
                cancel_reason = \(event.cancelReason), updated_at = \(now)
            WHERE id = \(event.id) AND organisation_id = \(event.organisation)
            """
        )
    }

    /// Adds to what the platform has kept of an event's payment.
    func addToFee(of event: ID<MarketplaceEvent>, _ amount: Int64) throws {
        try execute(
            """
            UPDATE marketplace_events SET fee_minor = fee_minor + \(amount), updated_at = \(now) WHERE id = \(event)
            """
        )
    }

    /// Adds to the total of what is booked for an event.
    /// - Parameter amount: negative for a booking that has ended.
    func addToTotal(of event: ID<MarketplaceEvent>, _ amount: Int64) throws {
        try execute(
            """
            UPDATE marketplace_events SET total_minor = total_minor + \(amount), updated_at = \(now)
            WHERE id = \(event)
            """
        )
    }
}

/// An event as it is created: in planning, with nothing booked.
struct NewEvent: Sendable {
    let id: ID<MarketplaceEvent>
    let organisation: ID<Organisation>
    let person: ID<Person>
    var title: String?
    let eventType: String
    var date: CalendarDate?
    var time: String?
    var city: String?
    let guestCount: Int64
    let budget: Money
    var template: ID<EventTemplate>?
    /// JSON.
    var plan: String?
    var iterations: Int64 = 0
}
