import Audit
import Identity
import Modules

/// What vendors answer to bookings, and what organizers do with bookings that they have made.
final class BookingAnswerService: Sendable {
    private let database: any Database
    private let lifecycle: EventLifecycleService
    private let listeners: BookingListeners
    private let notices: BookingNotices
    private let audit: AuditService

    init(
        database: any Database, lifecycle: EventLifecycleService, listeners: BookingListeners, notices: BookingNotices,
        audit: AuditService
    ) {
        self.database = database
        self.lifecycle = lifecycle
        self.listeners = listeners
        self.notices = notices
        self.audit = audit
    }

    /// The vendor accepts. An event that waits for its venue is confirmed by the venue's acceptance.
    /// - Throws: `not-found`, `not-assigned`; `service-state`, `event-state`.
    func accept(_ id: ID<ServiceBooking>, scope: Scope) async throws(Problem) -> BookingState {
        try await database.write { [self] transaction in
            var (booking, event) = try transaction.lockedServiceBooking(id, asVendor: scope)
            try event.requireOpen(to: "accept it")
            try booking.accept(at: transaction.now)
            try transaction.update(booking)
            try confirm(&event, if: booking, in: transaction)
            try notices.answered(booking, of: event, accepted: true, in: transaction)
            try record("booking.accepted", booking, scope, in: transaction)
            return BookingState(booking, event)
        }
    }

    /// The vendor declines a booking that is not completed.
    /// - Throws: as ``accept(_:scope:)``.
    func decline(_ id: ID<ServiceBooking>, scope: Scope) async throws(Problem) -> BookingState {
        try await database.write { [self] transaction in
            var (booking, event) = try transaction.lockedServiceBooking(id, asVendor: scope)
            try event.requireOpen(to: "decline it")
            try cancel(&booking, of: &event, .declinedByVendor, in: transaction)
            try notices.answered(booking, of: event, accepted: false, in: transaction)
            try record("booking.declined", booking, scope, in: transaction)
            return BookingState(booking, event)
        }
    }

    /// The organizer cancels a booking that is not completed.
    /// - Throws: `not-found`, `not-the-owner`; `service-state`, `event-state`, `release-in-progress`.
    func cancel(_ id: ID<ServiceBooking>, scope: Scope) async throws(Problem) -> BookingState {
        try await database.write { [self] transaction in
            var (booking, event) = try transaction.lockedServiceBooking(id, asOrganizer: scope)
            try event.requireOpen(to: "cancel its bookings")
            try cancel(&booking, of: &event, .cancelledByOrganizer, in: transaction)
            try notices.cancelled(booking, of: event, in: transaction)
            try record("booking.cancelled", booking, scope, in: transaction)
            return BookingState(booking, event)
        }
    }

    /// The vendor hands in the proof of completion.
    /// - Throws: `not-found`, `not-assigned`; `service-state`; `event-state` for an event that was cancelled.
    func complete(_ id: ID<ServiceBooking>, _ proof: CompletionProof, scope: Scope) async throws(Problem)
        -> BookingState
    {
        let photos = try WebAddress.checked(proof.photos ?? [], at: "/photos")
        return try await database.write { [self] transaction in
            var (booking, event) = try transaction.lockedServiceBooking(id, asVendor: scope)
            guard event.status != .cancelled else {
                throw Problem(.eventState, detail: "The event is cancelled.", members: ["event_status": "cancelled"])
            }
            try booking.complete(photos: photos, notes: proof.notes, at: transaction.now)
            try transaction.update(booking)
            // A venue that was not accepted before is accepted by it.
            try confirm(&event, if: booking, in: transaction)
            try notices.completed(booking, of: event, in: transaction)
            try record("booking.completed", booking, scope, in: transaction)
            return BookingState(booking, event)
        }
    }

    /// Confirms an event that waits for this venue.
    private func confirm(
        _ event: inout MarketplaceEvent, if booking: ServiceBooking, in transaction: Transaction
    ) throws {
        guard case .venue = booking.vendor, event.status == .pendingVenue else { return }
        try event.acceptVenue()
        try transaction.update(event)
        try lifecycle.confirmed(event, in: transaction)
    }

    /// Ends a booking while its event goes on: its slot, its part of the total and the event's venue are returned.
    private func cancel(
        _ booking: inout ServiceBooking, of event: inout MarketplaceEvent, _ ending: BookingListeners.Ending,
        in transaction: Transaction
    ) throws {
        try lifecycle.cancel(&booking, in: transaction)
        if case .venue = booking.vendor {
            try event.removeVenue()
            try transaction.update(event)
        }
        try lifecycle.reopenIfEmpty(&event, in: transaction)
        try listeners.cancelled(booking, of: event, ending, in: transaction)
    }

    private func record(
        _ action: String, _ booking: ServiceBooking, _ scope: Scope, in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                action, by: scope, in: booking.organisation, subject: booking.id.text,
                details: ["event": booking.event.text, "status": booking.status.rawValue]),
            in: transaction)
    }
}
