import Audit
import Billing
import Identity
import Modules

/// Creates events, and books venues and services for them. Prices are those of the vendors, never the client's.
final class BookingService: Sendable {
    private let database: any Database
    private let notices: BookingNotices
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, notices: BookingNotices, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.notices = notices
        self.audit = audit
        self.runtime = runtime
    }

    /// Creates an event in planning from a plan and the brief that it was made for.
    /// - Throws: `validation-failed` for a brief without a type of event; `too-many`.
    func createEvent(_ request: NewEventFromPlan, scope: Scope) async throws(Problem) -> EventCreated {
        let brief = try DraftBrief(checking: request.draftBrief, at: "/draft_brief")
        try FreeForm.check(request.planData, at: "/plan_data")
        guard let eventType = brief.eventType, !eventType.isEmpty else {
            throw Problem.invalid("/draft_brief/eventType", "is required")
        }
        let plan = try StoredJSON.text(request.planData)
        let id: ID<MarketplaceEvent> = runtime.id()
        let event = NewEvent(
            id: id, organisation: scope.organisation, person: scope.person, eventType: eventType, date: brief.date,
            city: brief.city, guestCount: brief.guestCount ?? 0, budget: try brief.money(at: "/draft_brief/budget"),
            plan: plan)
        try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            try transaction.requireRoom(for: Events.self, of: scope.organisation)
            try transaction.insert(event)
            try audit.record(
                AuditEvent("crud_create", by: scope, subjectKind: Events.name, subject: id.text), in: transaction)
        }
        return EventCreated(eventId: id, status: .planning, eventType: eventType)
    }

    /// Books a venue for an event, at its date.
    /// - Throws: `not-found`, `not-the-owner`; `event-state` unless the event is in planning; `validation-failed` for
    ///   an event without a date; `vendor-not-approved`; `capacity-exceeded`; `currency-mismatch`; `date-unavailable`.
    func bookVenue(_ request: VenueBookingRequest, scope: Scope) async throws(Problem) -> VenueBooked {
        let (id, slot): (ID<ServiceBooking>, ID<Availability>) = (runtime.id(), runtime.id())
        return try await database.write { [self] transaction in
            var event = try transaction.lockedEvent(request.eventId, asOrganizer: scope)
            guard let date = event.date else {
                throw Problem.invalid("/event_id", "names an event without a date: set its date first")
            }
            guard let venue = try transaction.venue(request.venueId), let price = venue.price,
                let capacity = venue.capacity
            else { throw Problem(.notFound, detail: "There is no such venue.") }
            try venue.requireApproved()
            try event.requireBookable()
            guard event.guestCount <= capacity else {
                throw Problem(
                    .capacityExceeded, detail: "The venue holds \(capacity) guests.",
                    members: ["capacity": .integer(capacity), "guest_count": .integer(event.guestCount)])
            }
            try event.bookVenue(request.venueId)
            let booking = NewServiceBooking(
                id: id, event: event, person: scope.person, vendor: venue.id, vendorOrganisation: venue.organisation,
                price: try price.total(guests: event.guestCount))
            try insert(booking, slot: slot, slots: MarketplaceLimits.venueSlots, on: date, of: venue, in: transaction)
            try transaction.update(event)
            try notices.requested(booking, of: venue, in: transaction)
            try audit.record(
                AuditEvent(
                    "venue.booked", by: scope, in: event.organisation, subject: request.venueId.text,
                    details: ["event": event.id.text, "date": date.text]),
                in: transaction)
            return VenueBooked(booking, venue: request.venueId)
        }
    }

    /// Books a service of a provider for an event, at the provider's price.
    /// - Throws: as ``bookVenue(_:scope:)``; `amount-mismatch` where the client names another price.
    func bookService(_ request: ServiceBookingRequest, scope: Scope) async throws(Problem) -> ServiceBooked {
        let (id, slot): (ID<ServiceBooking>, ID<Availability>) = (runtime.id(), runtime.id())
        return try await database.write { [self] transaction in
            try bookService(request, id: id, slot: slot, scope: scope, in: transaction)
        }
    }

    /// As ``bookService(_:scope:)``, in the caller's transaction.
    func bookService(
        _ request: ServiceBookingRequest, id: ID<ServiceBooking>, slot: ID<Availability>, scope: Scope,
        in transaction: Transaction
    ) throws -> ServiceBooked {
        let event = try transaction.lockedEvent(request.eventId, asOrganizer: scope)
        guard let provider = try transaction.provider(request.providerId) else {
            throw Problem(.notFound, detail: "There is no such provider.")
        }
        try provider.requireApproved()
        try event.requireBookable()
        let (service, price) = try Self.offer(of: request, in: transaction)
        let total = try price.total(guests: event.guestCount)
        if let named = request.agreedPrice {
            guard Money(major: named, total.currency) == total else { throw Problem.mismatch(total) }
        }
        let booking = NewServiceBooking(
            id: id, event: event, person: scope.person, vendor: provider.id,
            vendorOrganisation: provider.organisation, service: service, price: total, notes: request.notes)
        try insert(
            booking, slot: slot, slots: MarketplaceLimits.providerSlots, on: event.date, of: provider, in: transaction)
        try notices.requested(booking, of: provider, in: transaction)
        try audit.record(
            AuditEvent(
                "service.booked", by: scope, in: event.organisation, subject: id.text,
                details: ["event": event.id.text, "provider": request.providerId.text]),
            in: transaction)
        return ServiceBooked(booking)
    }

    /// The service of the catalogue that is booked, and the provider's price for it.
    private static func offer(
        of request: ServiceBookingRequest, in transaction: Transaction
    ) throws -> (ID<MarketplaceService>, VendorPrice) {
        let offers = try transaction.prices(of: request.providerId, service: request.serviceId)
        guard let offer = offers.first else {
            throw Problem(.notFound, detail: "The provider does not offer this service.")
        }
        guard offers.count == 1 else {
            throw Problem.invalid("/service_id", "is required: the provider offers several services")
        }
        return (offer.service, offer.price)
    }

    private func insert(
        _ booking: NewServiceBooking, slot: ID<Availability>, slots: Int64, on date: CalendarDate?, of vendor: Vendor,
        in transaction: Transaction
    ) throws {
        guard booking.price.currency == booking.event.currency else {
            throw Problem(
                .currencyMismatch,
                members: [
                    "currency": .string(booking.event.currency.code),
                    "price_currency": .string(booking.price.currency.code),
                ])
        }
        guard try transaction.countServiceBookings(of: booking.event.id) < MarketplaceLimits.bookingsMax else {
            throw Problem(.tooMany, detail: "An event has at most \(MarketplaceLimits.bookingsMax) bookings.")
        }
        if let date {
            guard
                try transaction.takeSlot(
                    of: vendor.id, on: date, slots: slots, owner: vendor.organisation, person: vendor.person, id: slot)
            else {
                throw Problem(.dateUnavailable, members: ["date": .string(date.text)])
            }
        }
        try transaction.insert(booking)
        try transaction.addToTotal(of: booking.event.id, booking.price.minorUnits)
    }
}

extension Vendor {
    /// - Throws: `vendor-not-approved`.
    func requireApproved() throws(Problem) {
        guard status == .approved else {
            throw Problem(.vendorNotApproved, members: ["vendor_status": .string(status.rawValue)])
        }
    }
}

extension MarketplaceEvent {
    /// - Throws: `event-state` for an event that has ended, or that was paid: its price is fixed then.
    func requireBookable() throws(Problem) {
        try requireOpen(to: "book for it")
        guard paidAt == nil else {
            throw Problem(.eventState, detail: "The event is paid: nothing can be added to it.")
        }
    }
}

extension Problem {
    /// 409 for an amount of the client that is not the computed one.
    static func mismatch(_ amount: Money) -> Problem {
        Problem(
            .amountMismatch, detail: "It is \(amount).",
            members: [
                "amount": .decimal(amount.major.description), "amount_minor": .integer(amount.minorUnits),
                "currency": .string(amount.currency.code),
            ])
    }
}
