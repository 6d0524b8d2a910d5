import Billing
import Modules

/// The e-mails to vendors about the money of their services, in the transaction that moves it.
struct ReleaseNotices: Sendable {
    let notices: BookingNotices

    /// The money is on its way to the vendor's account at the payment provider.
    func paid(_ booking: ServiceBooking, of event: MarketplaceEvent, _ payout: Payout, in transaction: Transaction)
        throws
    {
        let commission = Money(payout.commission, payout.amount.currency)
        try send("service-paid", booking, event, payout, ["commission": "\(commission)"], in: transaction)
    }

    /// The provider has refused the transfer. Its reason may be the platform's, so it is not told.
    func failed(_ booking: ServiceBooking, of event: MarketplaceEvent, _ payout: Payout, in transaction: Transaction)
        throws
    { try send("service-payment-failed", booking, event, payout, in: transaction) }

    /// The vendor's bank has returned the money, for a reason of the bank.
    func returned(_ booking: ServiceBooking, of event: MarketplaceEvent, _ payout: Payout, in transaction: Transaction)
        throws
    {
        try send(
            "service-payment-returned", booking, event, payout, ["reason": payout.reason ?? ""], in: transaction)
    }

    /// An administrator has taken the money back.
    func takenBack(
        _ booking: ServiceBooking, of event: MarketplaceEvent, _ payout: Payout, in transaction: Transaction
    ) throws { try send("service-payment-reversed", booking, event, payout, in: transaction) }

    private func send(
        _ template: String, _ booking: ServiceBooking, _ event: MarketplaceEvent, _ payout: Payout,
        _ values: [String: String] = [:], in transaction: Transaction
    ) throws {
        let amount = Money(payout.net, payout.amount.currency)
        try notices.send(
            template, to: booking.vendorOrganisation, values.merging(["amount": "\(amount)"]) { $1 }, about: booking,
            event, in: transaction)
    }
}
