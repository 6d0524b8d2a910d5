import Billing
import Identity
import Modules

/// The payments of events: the amount is that of what is booked, and the provider alone says that it was paid.
final class EventPaymentService: Sendable {
    private let database: any Database
    private let payments: PaymentService
    private let funds: EventFundsReader
    private let returns: EventRefundService
    private let lifecycle: EventLifecycleService

    init(
        database: any Database, payments: PaymentService, disputes: DisputeService, funds: EventFundsReader,
        returns: EventRefundService, lifecycle: EventLifecycleService
    ) {
        self.database = database
        self.payments = payments
        self.funds = funds
        self.returns = returns
        self.lifecycle = lifecycle
        payments.register(
            .event, to: .held,
            locking: { subject, transaction in
                _ = try ID<MarketplaceEvent>(subject).flatMap { try transaction.lockedEvent($0) }
            },
            refundable: { [weak self] payment, transaction in
                guard let funds = self?.funds, let id = ID<MarketplaceEvent>(payment.subject) else { return 0 }
                return min(
                    try funds.funds(of: id, in: transaction).unearned,
                    try funds.returnable(of: payment, in: transaction))
            }
        ) { [weak self] in try self?.apply($0, in: $1) }
        disputes.onChange(of: .event) { [weak returns] dispute, payment, transaction in
            // The event was locked before its payment.
            guard let returns, dispute.funds == .returned, let id = ID<MarketplaceEvent>(payment.subject),
                let event = try transaction.event(id)
            else { return }
            try returns.returnSurplus(
                of: event, because: "A dispute was won, and its money is not booked any more.",
                key: "won:\(dispute.id)", in: transaction)
        }
        payments.resolve { [weak self] in try self?.payment(of: $0, scope: $1, in: $2) }
    }

    /// What remains to be paid for an event.
    /// - Returns: nil for a request that names no event.
    /// - Throws: `not-found`, `not-the-owner`; `event-state` for a cancelled event; `nothing-to-pay`.
    private func payment(of request: PaymentRequest, scope: Scope, in transaction: Transaction) throws -> NewPayment? {
        guard let id = request.eventId.flatMap({ ID<MarketplaceEvent>($0) }) else { return nil }
        let event = try transaction.lockedEvent(id, asOrganizer: scope)
        guard event.status != .cancelled else {
            throw Problem(.eventState, detail: "The event is cancelled.", members: ["event_status": "cancelled"])
        }
        let due = try funds.funds(of: id, in: transaction).due
        guard due > 0 else { throw Problem(.nothingToPay) }
        return NewPayment(
            organisation: event.organisation, person: scope.person, purpose: .event, subject: id.text,
            amount: Money(due, event.currency), description: "Event \(id)", metadata: ["event_id": id.text],
            transferGroup: id.text)
    }

    /// Applies the provider's word. An event whose bookings are all paid is confirmed; what was paid too much, as for
    /// an event that was cancelled meanwhile, is returned.
    private func apply(_ payment: Payment, in transaction: Transaction) throws {
        guard let id = ID<MarketplaceEvent>(payment.subject), var event = try transaction.lockedEvent(id) else {
            return
        }
        guard payment.state == .succeeded else {
            // The event was cancelled before the provider had told the id of its payment.
            if event.status == .cancelled, !payment.state.isFinal, payment.intentID != nil {
                try payments.cancel(payment.id, in: transaction)
            }
            return
        }
        let funds = try funds.funds(of: id, in: transaction)
        if event.status.isOpen, funds.booked > 0, funds.due == 0 { try lifecycle.markPaid(&event, in: transaction) }
        try returns.returnSurplus(
            of: event, because: "More was paid than is booked.", key: "surplus:\(payment.id)", in: transaction)
    }

    // MARK: Requests

    /// Asks the provider for the payment's state, and applies it.
    /// - Throws: `not-found`, also for another organisation's payment; `payment-incomplete`, with its status;
    ///   `provider-unavailable`.
    func confirm(_ request: PaymentConfirmation, scope: Scope) async throws(Problem) -> PaymentConfirmed {
        let unknown = Problem(.notFound, detail: "Payment not found")
        let known = try await database.read { [payments] transaction -> Payment? in
            return try payments.payment(ofProviderID: request.paymentIntentId, in: transaction).flatMap {
                $0.purpose == .event && (scope.role == .admin || $0.organisation == scope.organisation) ? $0 : nil
            }
        }
        guard let known else { throw unknown }
        let payment = try await payments.refresh(known.id)
        guard payment.state == .succeeded else {
            throw Problem(
                .paymentIncomplete,
                members: [
                    "payment_status": .string(PaymentView.Status(payment).rawValue),
                    "state": .string(payment.state.rawValue),
                ])
        }
        let event = try await database.read { transaction in
            try ID<MarketplaceEvent>(payment.subject).flatMap { try transaction.event($0) }
        }
        guard let event else { throw unknown }
        return PaymentConfirmed(payment, event)
    }

    /// The payments of an event, newest first, and what remains to be paid: for its organizer and administrators.
    /// - Throws: `not-found`, `not-the-owner`.
    func list(of id: ID<MarketplaceEvent>, scope: Scope) async throws(Problem) -> EventPayments {
        try await database.read { [payments, funds] transaction in
            guard let event = try transaction.event(id) else { throw Problem(.notFound) }
            guard scope.role == .admin || event.organisation == scope.organisation else {
                throw Problem(try transaction.isParticipant(scope, of: id) ? .notTheOwner : .notFound)
            }
            return EventPayments(
                event, try payments.payments(of: .event, subject: id.text, in: transaction),
                try funds.funds(of: id, in: transaction))
        }
    }
}
