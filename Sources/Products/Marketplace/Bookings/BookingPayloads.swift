import Modules

/// The body of `POST /v1/bookings/create-from-plan`.
struct NewEventFromPlan: Payload {
    /// The plan as the planner made it, or as the client has changed it. Its amounts are not used.
    var planData: JSONValue
    /// The members of ``DraftBrief``, as the planner's clients spell them.
    var draftBrief: JSONValue
}

struct EventCreated: Payload {
    var eventId: ID<MarketplaceEvent>
    var status: EventStatus
    var eventType: String
}

/// The body of `POST /v1/bookings/book-venue`.
struct VenueBookingRequest: Payload {
    var eventId: ID<MarketplaceEvent>
    var venueId: ID<Venue>
}

struct VenueBooked: Payload {
    var eventId: ID<MarketplaceEvent>
    var venueId: ID<Venue>
    var eventServiceId: ID<ServiceBooking>
    var status: EventStatus
    var agreedPrice: DecimalNumber
    var agreedPriceMinor: Int64
    var currency: String

    init(_ booking: NewServiceBooking, venue: ID<Venue>) {
        eventId = booking.event.id
        venueId = venue
        eventServiceId = booking.id
        status = booking.event.status
        agreedPrice = booking.price.major
        agreedPriceMinor = booking.price.minorUnits
        currency = booking.price.currency.code
    }
}

/// The body of `POST /v1/bookings/book-service`.
struct ServiceBookingRequest: Payload {
    var eventId: ID<MarketplaceEvent>
    var providerId: ID<ServiceProvider>
    /// Of the catalogue. Nil where the provider offers one service.
    var serviceId: ID<MarketplaceService>?
    /// The price that the client shows. It is only compared with the provider's.
    var agreedPrice: DecimalNumber?
    var notes: String?

    static let rules: [String: Rule] = ["notes": .length(0...2_000)]
}

struct ServiceBooked: Payload {
    var eventServiceId: ID<ServiceBooking>
    var status: EventServiceStatus
    var agreedPrice: DecimalNumber
    var agreedPriceMinor: Int64
    var currency: String

    init(_ booking: NewServiceBooking) {
        eventServiceId = booking.id
        status = .pending
        agreedPrice = booking.price.major
        agreedPriceMinor = booking.price.minorUnits
        currency = booking.price.currency.code
    }
}

/// The body of `POST /v1/bookings/complete-service/{event_service_id}`.
struct CompletionProof: Payload {
    /// Addresses of pictures.
    var photos: [String]?
    var notes: String?

    static let rules: [String: Rule] = [
        "photos": .items(upTo: ServiceBooking.photosMax), "notes": .length(0...5_000),
    ]
}

/// The body of `POST /v1/bookings/dispute/{event_service_id}`.
struct DisputeRequest: Payload {
    var reason: String

    static let rules: [String: Rule] = ["reason": .length(1...2_000)]
}

/// The state of a booking after a transition.
struct BookingState: Payload {
    var success: Bool
    var eventServiceId: ID<ServiceBooking>
    var status: EventServiceStatus
    var eventId: ID<MarketplaceEvent>
    var eventStatus: EventStatus

    init(_ booking: ServiceBooking, _ event: MarketplaceEvent) {
        success = true
        eventServiceId = booking.id
        status = booking.status
        eventId = event.id
        eventStatus = event.status
    }
}

/// The state of an event after a transition.
struct EventState: Payload {
    var success: Bool
    var eventId: ID<MarketplaceEvent>
    var status: EventStatus
    /// Nil before the event is confirmed.
    var chatGroupId: ID<ChatGroup>?

    init(_ event: MarketplaceEvent, chatGroup: ID<ChatGroup>?) {
        success = true
        eventId = event.id
        status = event.status
        chatGroupId = chatGroup
    }
}
