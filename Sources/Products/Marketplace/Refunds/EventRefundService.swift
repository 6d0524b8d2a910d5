import Billing
import Modules

/// Returns to organizers what they have paid and what is not booked any more: never more than was paid, and nothing
/// that was released.
final class EventRefundService: Sendable {
    /// What one return consists of.
    struct Returned: Sendable {
        var refunds: [ID<Refund>] = []
        /// Minor units that go back to the organizer.
        var refund: Int64 = 0
        /// Minor units that the platform keeps.
        var fee: Int64 = 0
    }

    private let payments: PaymentService
    private let refunds: RefundService
    private let money: MoneyLedgerService
    private let reader: EventFundsReader
    private let commission: Commission

    init(
        payments: PaymentService, refunds: RefundService, money: MoneyLedgerService, reader: EventFundsReader,
        commission: Commission
    ) {
        self.payments = payments
        self.refunds = refunds
        self.money = money
        self.reader = reader
        self.commission = commission
    }

    /// Refunds the surplus of an event, in the transaction that has caused it. ``settle(_:)`` follows after the commit;
    /// else a job does.
    /// - Parameters:
    ///   - event: locked.
    ///   - cancelled: the bookings that this transaction has ended and whose commission the platform keeps, as far as
    ///     they were paid. What is owed for any other reason goes back whole.
    ///   - key: unique among the returns of the event.
    /// - Throws: `not-configured` without a provider.
    @discardableResult
    func returnSurplus(
        of event: MarketplaceEvent, because reason: String, key: String,
        keepingFeesOf cancelled: [ServiceBooking] = [], in transaction: Transaction
    ) throws -> Returned {
        let funds = try reader.funds(of: event.id, in: transaction)
        guard funds.surplus > 0 else { return Returned() }
        var returned = Returned()
        returned.fee = try keepFees(of: cancelled, funds, event, key, in: transaction)
        var rest = funds.surplus - returned.fee
        for payment in try payments.received(of: .event, subject: event.id.text, in: transaction) where rest > 0 {
            let amount = Money(min(rest, try reader.returnable(of: payment, in: transaction)), event.currency)
                .roundedToPayable
            guard amount.minorUnits > 0 else { continue }
            let refund = try refunds.refund(
                NewRefund(of: payment.id, amount: amount, reason: reason, key: key), in: transaction)
            returned.refunds.append(refund.id)
            returned.refund += amount.minorUnits
            rest -= amount.minorUnits
        }
        return returned
    }

    /// What an earlier return with this key consisted of, without its fee.
    func returned(of event: MarketplaceEvent, key: String, in transaction: Transaction) throws -> Returned {
        var returned = Returned()
        for payment in try payments.received(of: .event, subject: event.id.text, in: transaction) {
            for refund in try refunds.refunds(of: payment.id, in: transaction) where refund.key == key {
                returned.refunds.append(refund.id)
                returned.refund += refund.amount.minorUnits
            }
        }
        return returned
    }

    /// Keeps the commission of bookings that were cancelled, each of what was paid for it. What was a surplus before
    /// they ended, such as the price of a declined booking whose refund has failed, is not theirs.
    private func keepFees(
        of cancelled: [ServiceBooking], _ funds: EventFunds, _ event: MarketplaceEvent, _ key: String,
        in transaction: Transaction
    ) throws -> Int64 {
        let before = funds.booked + cancelled.map(\.price.minorUnits).reduce(0, +)
        var rest = funds.surplus - funds.surplus(beside: before)
        var fee: Int64 = 0
        for var booking in cancelled where rest > 0 {
            let paid = min(rest, booking.price.minorUnits)
            rest -= paid
            booking.keepFee(commission.part(of: Money(paid, event.currency)))
            fee += booking.feeMinor
            try transaction.update(booking)
        }
        guard fee > 0 else { return 0 }
        let held = try reader.account(of: event, in: transaction)
        try money.post(
            "marketplace.fee", of: held.owner, in: event.currency,
            operation: "event:\(event.id):fee:\(key)", subject: event.id.text, reason: key,
            [MoneyMovement(fee, from: held, to: .commission)], in: transaction)
        try transaction.addToFee(of: event.id, fee)
        return fee
    }

    /// Sends refunds that have been committed, and waits a bounded time for their outcome.
    /// - Returns: `failed` where one has failed; `pending` where one is not known yet; nil without refunds.
    func settle(_ ids: [ID<Refund>]) async throws(Problem) -> Refund.State? {
        var states: [Refund.State] = []
        for id in ids { states.append(try await refunds.settle(id).state) }
        if states.contains(.failed) { return .failed }
        return states.contains { $0 != .succeeded } ? .pending : states.first
    }
}
