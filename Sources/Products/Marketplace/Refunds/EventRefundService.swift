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
    private let funds: EventFundsReader
    private let commission: Commission

    init(
        payments: PaymentService, refunds: RefundService, money: MoneyLedgerService, funds: EventFundsReader,
        commission: Commission
    ) {
        self.payments = payments
        self.refunds = refunds
        self.money = money
        self.funds = funds
        self.commission = commission
    }

    /// Refunds the surplus of an event, in the transaction that has caused it. ``settle(_:)`` follows after the commit;
    /// else a job does.
    /// - Parameters:
    ///   - event: locked.
    ///   - keepsFee: whether the platform keeps its commission of it.
    ///   - key: unique among the returns of the event.
    /// - Throws: `not-configured` without a provider.
    @discardableResult
    func returnSurplus(
        of event: MarketplaceEvent, because reason: String, key: String, keepsFee: Bool = false,
        in transaction: Transaction
    ) throws -> Returned {
        let surplus = try funds.funds(of: event.id, in: transaction).surplus
        guard surplus > 0 else { return Returned() }
        var returned = Returned()
        if keepsFee { returned.fee = try keepFee(of: surplus, event, key, in: transaction) }
        var rest = surplus - returned.fee
        for payment in try payments.received(of: .event, subject: event.id.text, in: transaction) where rest > 0 {
            let disputed = try funds.disputed(of: payment, in: transaction)
            let amount = min(rest, payment.receivedMinor - payment.refundedMinor - disputed)
            guard amount > 0 else { continue }
            let refund = try refunds.refund(
                NewRefund(of: payment.id, amount: Money(amount, event.currency), reason: reason, key: key),
                in: transaction)
            returned.refunds.append(refund.id)
            returned.refund += amount
            rest -= amount
        }
        return returned
    }

    private func keepFee(of surplus: Int64, _ event: MarketplaceEvent, _ key: String, in transaction: Transaction)
        throws -> Int64
    {
        let fee = commission.part(of: surplus)
        guard fee > 0 else { return 0 }
        let held = try funds.account(of: event, in: transaction)
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
