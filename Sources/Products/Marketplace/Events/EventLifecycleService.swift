import Audit
import Identity
import Modules

/// The transitions of events, with what follows from them: the chat of a confirmed event, the bookings of a cancelled
/// one. The methods with `in:` run in the transaction of their caller, such as that of a payment.
final class EventLifecycleService: Sendable {
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

    /// The organizer confirms an event that waits for no venue; the host of its venue confirms by accepting.
    /// - Throws: `not-found`, `not-the-owner`; `venue-not-accepted`; `event-state`.
    func confirm(_ id: ID<MarketplaceEvent>, scope: Scope) async throws(Problem) -> EventState {
        try await database.write { [self] transaction in
            var event = try transaction.lockedEvent(id, asOrganizer: scope)
            try event.confirm()
            try transaction.update(event)
            let group = try confirmed(event, in: transaction)
            try audit.record(
                AuditEvent("event.confirmed", by: scope, in: event.organisation, subject: id.text), in: transaction)
            return EventState(event, chatGroup: group)
        }
    }

    /// The organizer completes an event whose day has come and whose bookings have all ended.
    /// - Throws: `not-found`, `not-the-owner`; `event-state`, also with the states of the bookings that are open.
    func complete(_ id: ID<MarketplaceEvent>, scope: Scope) async throws(Problem) -> EventState {
        try await database.write { [audit] transaction in
            var event = try transaction.lockedEvent(id, asOrganizer: scope)
            if let date = event.date, date.text > CalendarDate(transaction.now).text {
                throw Problem(.eventState, detail: "The event is on \(date.text).")
            }
            let open = try transaction.lockedServiceBookings(of: id).filter {
                [.pending, .confirmed, .disputed, .onHold].contains($0.status)
            }
            guard open.isEmpty else {
                throw Problem(
                    .eventState, detail: "\(open.count) of its bookings are not completed.",
                    members: ["open_services": .array(open.map { .string($0.id.text) })])
            }
            try event.complete(at: transaction.now)
            try transaction.update(event)
            try audit.record(
                AuditEvent("event.completed", by: scope, in: event.organisation, subject: id.text), in: transaction)
            return EventState(event, chatGroup: try transaction.chatGroup(of: id)?.id)
        }
    }

    // MARK: In the transaction of the caller

    /// What follows the confirmation of an event: its chat exists.
    @discardableResult
    func confirmed(_ event: MarketplaceEvent, in transaction: Transaction) throws -> ID<ChatGroup> {
        try transaction.ensureChatGroup(of: event, id: runtime.id())
    }

    /// The payment provider says that the payment of the whole event was received.
    /// - Parameter event: locked. It is confirmed, unless it waits for its venue.
    func markPaid(_ event: inout MarketplaceEvent, in transaction: Transaction) throws {
        let before = event.status
        event.markPaid(at: transaction.now)
        try transaction.update(event)
        if before != event.status, event.status == .confirmed { try confirmed(event, in: transaction) }
    }

    /// Cancels an event and its bookings that are not completed.
    /// - Parameter event: locked.
    /// - Returns: the bookings that are cancelled with it. Completed, paid, disputed and held ones remain.
    /// - Throws: `event-state`; `release-in-progress`.
    func cancel(_ event: inout MarketplaceEvent, because reason: String?, in transaction: Transaction) throws
        -> [ServiceBooking]
    {
        try event.cancel(because: reason, at: transaction.now)
        try transaction.update(event)
        var cancelled: [ServiceBooking] = []
        for var booking in try transaction.lockedServiceBookings(of: event.id).inOrderOfSlots
        where [.pending, .confirmed].contains(booking.status) {
            try cancel(&booking, in: transaction)
            try notices.cancelled(booking, of: event, in: transaction)
            cancelled.append(booking)
        }
        return cancelled
    }

    /// An event that was paid and has no booking any more counts as not paid: its organizer can book again. What was
    /// paid goes back, or is there for the next bookings where its refund fails.
    /// - Parameter event: locked.
    func reopenIfEmpty(_ event: inout MarketplaceEvent, in transaction: Transaction) throws {
        guard event.status.isOpen, event.paidAt != nil,
            try transaction.serviceBookings(of: event.id).allSatisfy({ $0.status == .cancelled })
        else { return }
        event.reopen()
        try transaction.update(event)
    }

    /// Cancels one booking: its slot and its part of the event's total are returned.
    /// - Parameter booking: locked, as its event.
    func cancel(_ booking: inout ServiceBooking, in transaction: Transaction) throws {
        try booking.cancel(at: transaction.now)
        try end(booking, in: transaction)
    }

    /// Cancels a disputed booking, whose money is returned to the organizer.
    /// - Parameter booking: locked, as its event.
    func cancelDisputed(_ booking: inout ServiceBooking, in transaction: Transaction) throws {
        try booking.cancelDisputed(at: transaction.now)
        try end(booking, in: transaction)
    }

    private func end(_ booking: ServiceBooking, in transaction: Transaction) throws {
        try transaction.update(booking)
        try transaction.returnSlot(of: booking)
        try transaction.addToTotal(of: booking.event, -booking.price.minorUnits)
    }
}
