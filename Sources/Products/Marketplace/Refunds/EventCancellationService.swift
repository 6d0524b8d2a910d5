import Audit
import Billing
import Identity
import Modules

/// Cancels events, and returns what was paid for what ends with them.
final class EventCancellationService: Sendable {
    private let database: any Database
    private let lifecycle: EventLifecycleService
    private let payments: PaymentService
    private let returns: EventRefundService
    private let audit: AuditService

    init(
        database: any Database, lifecycle: EventLifecycleService, listeners: BookingListeners,
        payments: PaymentService, returns: EventRefundService, audit: AuditService
    ) {
        self.database = database
        self.lifecycle = lifecycle
        self.payments = payments
        self.returns = returns
        self.audit = audit
        listeners.onCancelled { [returns] booking, event, ending, transaction in
            try returns.returnSurplus(
                of: event, because: "A booking was cancelled.", key: "booking:\(booking.id)",
                keepingFeesOf: ending == .cancelledByOrganizer ? [booking] : [], in: transaction)
        }
    }

    /// The key of an event's return.
    private static func key(of id: ID<MarketplaceEvent>) -> String { "cancel:\(id)" }

    /// Cancels an event with its bookings that are not completed. What was paid for them goes back without the
    /// platform's commission; the price of completed, disputed and held services stays held until they are decided.
    /// A repeat answers as the first request.
    /// - Throws: `not-found`, `not-the-owner`; `event-state`; `release-in-progress`; `service-released` where a service
    ///   is paid, whose payment an administrator reverses first; `not-configured`.
    func cancel(_ id: ID<MarketplaceEvent>, _ request: EventCancellation, scope: Scope) async throws(Problem)
        -> EventCancelled
    {
        let (event, returned) = try await database.write { [self] transaction in
            var event = try transaction.lockedEvent(id, asOrganizer: scope)
            guard event.status != .cancelled else { return (event, try earlier(of: event, in: transaction)) }
            try requireUnreleased(id, in: transaction)
            let cancelled = try lifecycle.cancel(&event, because: request.reason, in: transaction)
            try abandonPayment(of: id, in: transaction)
            let returned = try returns.returnSurplus(
                of: event, because: "The event was cancelled.", key: Self.key(of: id), keepingFeesOf: cancelled,
                in: transaction)
            try audit.record(
                AuditEvent(
                    "event.cancelled", by: scope, in: event.organisation, subject: id.text,
                    details: [
                        "refund_minor": "\(returned.refund)", "fee_minor": "\(returned.fee)",
                        "currency": event.currency.code,
                    ]), in: transaction)
            return (event, returned)
        }
        return EventCancelled(event, returned, refunds: try await returns.settle(returned.refunds))
    }

    /// What the cancellation of an event has returned, and the fees of the bookings that it has ended.
    private func earlier(of event: MarketplaceEvent, in transaction: Transaction) throws
        -> EventRefundService.Returned
    {
        var returned = try returns.returned(of: event, key: Self.key(of: event.id), in: transaction)
        returned.fee = try transaction.serviceBookings(of: event.id).filter { $0.cancelledAt == event.cancelledAt }
            .map(\.feeMinor).reduce(0, +)
        return returned
    }

    private func requireUnreleased(_ id: ID<MarketplaceEvent>, in transaction: Transaction) throws {
        let bookings = try transaction.lockedServiceBookings(of: id)
        let paid = bookings.filter { $0.status == .paid && $0.price.minorUnits > 0 }
        guard paid.isEmpty else {
            throw Problem(
                .serviceReleased, detail: "An administrator reverses its payment first.",
                members: ["released_services": .array(paid.map { .string($0.id.text) })])
        }
        guard !bookings.contains(where: { $0.release != nil }) else { throw Problem(.releaseInProgress) }
    }

    /// Ends the payment that has not succeeded. One of which the provider has not told the id yet is canceled when it
    /// does; money that arrives nevertheless is returned.
    private func abandonPayment(of id: ID<MarketplaceEvent>, in transaction: Transaction) throws {
        guard let payment = try payments.live(of: .event, subject: id.text, in: transaction), payment.intentID != nil
        else { return }
        try payments.cancel(payment.id, in: transaction)
    }
}
