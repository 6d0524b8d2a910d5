import Identity
import Modules

/// The SQL of booked services.
extension Transaction {
    func insert(_ booking: NewServiceBooking) throws {
        let (venue, provider): (ID<Venue>?, ID<ServiceProvider>?) =
            switch booking.vendor {
            case .venue(let id): (id, nil)
            case .provider(let id): (nil, id)
            }
        try execute(
            """
            INSERT INTO marketplace_event_services (
                id, organisation_id, person_id, event_id, vendor_organisation_id, venue_id, provider_id, service_id,
                agreed_price_minor, currency, booked_date, status, notes, completion_photos, created_at, updated_at)
            VALUES (\(booking.id), \(booking.event.organisation), \(booking.person), \(booking.event.id),
                    \(booking.vendorOrganisation), \(venue), \(provider), \(booking.service),
                    \(booking.price.minorUnits), \(booking.price.currency.code), \(booking.event.date),
                    \(EventServiceStatus.pending), \(booking.notes), '[]', \(now), \(now))
            """
        )
    }

    /// A booking of any organisation: the caller checks who may see it.
    func serviceBooking(_ id: ID<ServiceBooking>) throws -> ServiceBooking? {
        try first("SELECT * FROM marketplace_event_services WHERE id = \(id)", ServiceBooking.init)
    }

    /// A booking with its event, both locked until the transaction ends, the event first.
    func lockedServiceBooking(_ id: ID<ServiceBooking>) throws -> (booking: ServiceBooking, event: MarketplaceEvent)? {
        guard let found = try serviceBooking(id), let event = try lockedEvent(found.event),
            let booking = try first(
                "SELECT * FROM marketplace_event_services WHERE id = \(id) \(.forUpdate)", ServiceBooking.init)
        else { return nil }
        return (booking, event)
    }

    /// The bookings of an event in the order of their creation, locked until the transaction ends. The event is locked
    /// before.
    func lockedServiceBookings(of event: ID<MarketplaceEvent>) throws -> [ServiceBooking] {
        try all(
            "SELECT * FROM marketplace_event_services WHERE event_id = \(event) ORDER BY id \(.forUpdate)",
            ServiceBooking.init)
    }

    /// The bookings of a vendor whose payment has begun and not ended, in the order of their events.
    func bookingsBeingPaid(of vendor: Vendor) throws -> [ID<ServiceBooking>] {
        try all(
            """
            SELECT id FROM marketplace_event_services
            WHERE vendor_organisation_id = \(vendor.organisation) AND release_id IS NOT NULL AND status = 'completed'
                AND (venue_id = \(vendor.id.text) OR provider_id = \(vendor.id.text))
            ORDER BY event_id, id
            """
        ) { try $0["id"] }
    }

    func serviceBookings(of event: ID<MarketplaceEvent>) throws -> [ServiceBooking] {
        try all(
            "SELECT * FROM marketplace_event_services WHERE event_id = \(event) ORDER BY id", ServiceBooking.init)
    }

    func countServiceBookings(of event: ID<MarketplaceEvent>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM marketplace_event_services WHERE event_id = \(event)")
    }

    /// The bookings of an organizer that were made or cancelled since a moment: all, and those with one vendor.
    func countChangedBookings(
        of organizer: ID<Organisation>, with vendor: ID<Organisation>, since moment: Instant
    ) throws -> (total: Int64, withVendor: Int64) {
        let row = try first(
            """
            SELECT COUNT(*) AS total,
                CAST(COALESCE(SUM(CASE WHEN vendor_organisation_id = \(vendor) THEN 1 ELSE 0 END), 0) AS \(.integer))
                    AS with_vendor
            FROM (
                SELECT vendor_organisation_id FROM marketplace_event_services
                WHERE organisation_id = \(organizer) AND created_at > \(moment)
                UNION ALL
                SELECT vendor_organisation_id FROM marketplace_event_services
                WHERE organisation_id = \(organizer) AND cancelled_at > \(moment) AND created_at <= \(moment)
            ) AS changed
            """
        )
        return (try row?["total"] ?? 0, try row?["with_vendor"] ?? 0)
    }

    /// Writes a transition of a booking that this transaction has locked.
    func update(_ booking: ServiceBooking) throws {
        try execute(
            """
            UPDATE marketplace_event_services
            SET status = \(booking.status), held_from = \(booking.heldFrom), release_id = \(booking.release),
                fee_minor = \(booking.feeMinor),
                completion_photos = \(try StoredJSON.text(booking.completionPhotos)),
                completion_notes = \(booking.completionNotes), confirmed_at = \(booking.confirmedAt),
                completed_at = \(booking.completedAt), approved_at = \(booking.approvedAt),
                cancelled_at = \(booking.cancelledAt), updated_at = \(now)
            WHERE id = \(booking.id) AND organisation_id = \(booking.organisation)
            """
        )
    }

    // MARK: Slots of dates

    /// Takes a slot of a vendor's date by one guarded statement: of two bookings of the last slot, one gets it.
    /// - Parameter slots: of a date about which the vendor has said nothing.
    /// - Returns: false where none is left, and where the vendor is not available.
    func takeSlot(
        of vendor: ServiceBooking.Vendor, on date: CalendarDate, slots: Int64, owner: ID<Organisation>,
        person: ID<Person>, id: ID<Availability>
    ) throws -> Bool {
        try execute(
            """
            INSERT INTO marketplace_availability (
                id, organisation_id, person_id, entity_type, entity_id, date, is_available, slots, booked, created_at,
                updated_at)
            VALUES (\(id), \(owner), \(person), \(vendor.kind), \(vendor.text), \(date), 1, \(slots), 1, \(now), \(now))
            ON CONFLICT (entity_type, entity_id, date) DO UPDATE
            SET booked = marketplace_availability.booked + 1, updated_at = excluded.updated_at
            WHERE marketplace_availability.is_available = 1
                AND marketplace_availability.booked < marketplace_availability.slots
            """
        ) == 1
    }

    /// Returns the slot of a booking that has ended.
    func returnSlot(of booking: ServiceBooking) throws {
        guard let date = booking.bookedDate else { return }
        try execute(
            """
            UPDATE marketplace_availability SET booked = booked - 1, updated_at = \(now)
            WHERE entity_type = \(booking.vendor.kind) AND entity_id = \(booking.vendor.text) AND date = \(date)
                AND booked > 0
            """
        )
    }
}

extension [ServiceBooking] {
    /// In the order of the vendors and dates whose slots they take. A transaction that returns several slots does so in
    /// this order, which prevents deadlocks.
    var inOrderOfSlots: [ServiceBooking] {
        sorted { ($0.vendor.kind, $0.vendor.text, $0.id.text) < ($1.vendor.kind, $1.vendor.text, $1.id.text) }
    }
}

extension ServiceBooking.Vendor {
    /// As in the column `entity_type`.
    var kind: String {
        switch self {
        case .venue: "venue"
        case .provider: "provider"
        }
    }

    var text: String {
        switch self {
        case .venue(let id): id.text
        case .provider(let id): id.text
        }
    }
}

/// A booking as it is made: pending, at the vendor's price.
struct NewServiceBooking: Sendable {
    let id: ID<ServiceBooking>
    let event: MarketplaceEvent
    let person: ID<Person>
    let vendor: ServiceBooking.Vendor
    let vendorOrganisation: ID<Organisation>
    var service: ID<MarketplaceService>?
    let price: Money
    var notes: String?
}
