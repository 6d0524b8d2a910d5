import Billing
import Modules

/// The money of one event, in minor units of its currency: what was received for it, and where it is.
///
/// The ledger's account `held` is the organizer's, of all events together. An event is never paid with the money of
/// another one: these amounts are computed under the lock of the event, and bound what is released and refunded.
struct EventFunds: Sendable, Hashable {
    let received: Int64
    /// Refunded, or about to be.
    let refunded: Int64
    /// Withdrawn by the provider for disputes of the payments.
    let disputed: Int64
    /// The part of both that the platform has borne: that money is still held.
    let borne: Int64
    /// Kept by the platform.
    let fee: Int64
    /// Of bookings that are not cancelled.
    let booked: Int64
    /// Of bookings whose work is done: completed, disputed or paid ones.
    let earned: Int64
    /// Of bookings that are paid, or whose payment is under way.
    let committed: Int64

    /// What is there for the bookings, released or not.
    var net: Int64 { received - refunded - disputed + borne - fee }
    /// What remains to be paid for what is booked.
    var due: Int64 { max(0, booked - net) }
    /// What can be released.
    var available: Int64 { net - committed }
    /// What no work that is done needs: it can be refunded, and a bank can take it.
    var unearned: Int64 { max(0, net - earned) }
    /// What was paid and is not booked any more. It can be refunded: everything that is earned is booked.
    var surplus: Int64 { surplus(beside: booked) }

    /// What was paid beside an amount of bookings.
    func surplus(beside booked: Int64) -> Int64 { max(0, net - booked) }
}

/// Reads the money of events.
struct EventFundsReader: Sendable {
    let payments: PaymentService
    let refunds: RefundService
    let disputes: DisputeService

    /// - Parameter event: locked until the transaction ends.
    func funds(of event: ID<MarketplaceEvent>, in transaction: Transaction) throws -> EventFunds {
        let received = try payments.received(of: .event, subject: event.text, in: transaction)
        let disputes = try received.flatMap { try openOrLost(of: $0, in: transaction) }
        let bookings = try transaction.serviceBookings(of: event).filter { $0.status != .cancelled }
        return EventFunds(
            received: received.map(\.receivedMinor).reduce(0, +),
            refunded: received.map(\.refundedMinor).reduce(0, +),
            disputed: disputes.map(\.amount.minorUnits).reduce(0, +),
            borne: try disputes.map { $0.amount.minorUnits - $0.fromHeld }.reduce(0, +)
                + received.map { try borne(of: $0, in: transaction) }.reduce(0, +),
            fee: try transaction.event(event)?.feeMinor ?? 0,
            booked: bookings.map(\.price.minorUnits).reduce(0, +),
            earned: bookings.filter(\.isDone).map(\.price.minorUnits).reduce(0, +),
            committed: bookings.filter { $0.release != nil || $0.status == .paid }.map(\.price.minorUnits)
                .reduce(0, +))
    }

    /// The account that holds the money of an event: that of its payer, which has a pseudonym after an erasure.
    func account(of event: MarketplaceEvent, in transaction: Transaction) throws -> MoneyAccount {
        let received = try payments.received(of: .event, subject: event.id.text, in: transaction)
        return received.first?.account ?? .held(of: event.organisation)
    }

    /// What the provider can return of a payment: it keeps what a bank has withdrawn.
    func returnable(of payment: Payment, in transaction: Transaction) throws -> Int64 {
        let withdrawn = try openOrLost(of: payment, in: transaction).map(\.amount.minorUnits).reduce(0, +)
        return max(0, payment.receivedMinor - payment.refundedMinor - withdrawn)
    }

    /// The part of a payment's refunds that the platform has borne.
    private func borne(of payment: Payment, in transaction: Transaction) throws -> Int64 {
        guard payment.refundedMinor > 0 else { return 0 }
        return try refunds.refunds(of: payment.id, in: transaction).filter { $0.state != .failed }
            .map(\.fromRevenueMinor).reduce(0, +)
    }

    private func openOrLost(of payment: Payment, in transaction: Transaction) throws -> [PaymentDispute] {
        try disputes.disputes(of: payment.id, in: transaction).filter { $0.funds == .withdrawn || $0.funds == .lost }
    }
}

extension PaymentPurpose {
    /// What is booked for an event; the subject is the event's id.
    static let event = PaymentPurpose("event")
}
