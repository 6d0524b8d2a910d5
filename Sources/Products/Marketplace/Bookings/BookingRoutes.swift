import Billing
import Identity
import Modules

/// The endpoints of bookings, of the answers to them, and of events' transitions.
struct BookingRoutes: Sendable {
    let bookings: BookingService
    let answers: BookingAnswerService
    let disputes: MarketplaceDisputeService
    let lifecycle: EventLifecycleService
    let resources: ResourceService
    let identity: IdentityModule

    private var member: Member { identity.member.allowing(.marketplace) }

    private static let booking: [Problem.Kind] = [
        .notFound, .notTheOwner, .eventState, .vendorNotApproved, .currencyMismatch, .dateUnavailable, .tooMany,
    ]
    private static let vendor: [Problem.Kind] = [.notFound, .notAssigned, .eventState, .serviceState]
    private static let organizer: [Problem.Kind] = [.notFound, .notTheOwner, .eventState, .serviceState]

    var routes: [Route] { creation + vendorAnswers + organizerAnswers + eventServices }

    private var creation: [Route] {
        [
            .post(
                "bookings/create-from-plan", "Create an event from a plan", requires: member, problems: [.tooMany]
            ) { [bookings] (body: NewEventFromPlan, scope) in
                try await bookings.createEvent(body, scope: scope)
            }.alias("/api/bookings/create-from-plan"),
            .post(
                "bookings/book-venue", "Book a venue at the date of an event", requires: member, identity.verified,
                problems: Self.booking + [.capacityExceeded]
            ) { [bookings] (body: VenueBookingRequest, scope, _) in
                try await bookings.bookVenue(body, scope: scope)
            }.alias("/api/bookings/book-venue", "marketplace/book-venue"),
            .post(
                "bookings/book-service", "Book a service at its provider's price", requires: member, identity.verified,
                problems: Self.booking + [.amountMismatch]
            ) { [bookings] (body: ServiceBookingRequest, scope, _) in
                try await bookings.bookService(body, scope: scope)
            }.alias("/api/bookings/book-service", "marketplace/book-service"),
        ]
    }

    private var vendorAnswers: [Route] {
        [
            .post(
                "bookings/accept/{event_service_id}", "Accept a booking of your venue or service", requires: member,
                .path("event_service_id", of: ServiceBooking.self), problems: Self.vendor
            ) { [answers] scope, id in try await answers.accept(id, scope: scope) },
            .post(
                "bookings/decline/{event_service_id}", "Decline a booking of your venue or service", requires: member,
                .path("event_service_id", of: ServiceBooking.self), problems: Self.vendor + [.releaseInProgress]
            ) { [answers] scope, id in try await answers.decline(id, scope: scope) },
            .post(
                "bookings/complete-service/{event_service_id}", "Hand in the proof that your service is completed",
                requires: member, .path("event_service_id", of: ServiceBooking.self), problems: Self.vendor
            ) { [answers] (body: CompletionProof, scope, id) in try await answers.complete(id, body, scope: scope) },
        ]
    }

    private var organizerAnswers: [Route] {
        [
            .post(
                "bookings/dispute/{event_service_id}", "Dispute a completed service", requires: member,
                .path("event_service_id", of: ServiceBooking.self), problems: Self.organizer + [.releaseInProgress]
            ) { [disputes] (body: DisputeRequest, scope, id) in try await disputes.open(id, body, scope: scope) },
            .post(
                "events/{event_id}/confirm", "Confirm an event that waits for no venue, and begin its chat",
                requires: member, .path("event_id", of: MarketplaceEvent.self),
                problems: Self.organizer + [.venueNotAccepted]
            ) { [lifecycle] scope, id in try await lifecycle.confirm(id, scope: scope) },
            .post(
                "events/{event_id}/complete", "Complete an event whose services have ended", requires: member,
                .path("event_id", of: MarketplaceEvent.self), problems: Self.organizer
            ) { [lifecycle] scope, id in try await lifecycle.complete(id, scope: scope) },
        ]
    }

    /// The generic endpoints of booked services: creating one books it, and deleting one cancels it.
    private var eventServices: [Route] {
        let generic = ResourceRoutes<EventServices>(resources: resources, identity: identity)
        return [
            Route.post(
                "marketplace/event-services", "Book a service of a provider", requires: member, identity.verified,
                problems: EventServices.declaredProblems
            ) { [bookings, resources] (body: ServiceBookingRequest, scope, _) in
                let booked = try await bookings.bookService(body, scope: scope)
                return Created(try await resources.get(EventServices.self, booked.eventServiceId, scope: scope))
            }.alias("/api/event-services"),
            generic.list,
        ] + generic.reading + [
            generic.update,
            Route.delete(
                "marketplace/event-services/{id}", "Cancel a booked service", requires: member,
                .path("id", of: ServiceBooking.self), problems: EventServices.declaredProblems
            ) { [answers] scope, id in
                ResourceDeleted(try await answers.cancel(id, scope: scope).eventServiceId.text)
            }.alias("/api/event-services/{id}"),
        ]
    }
}
