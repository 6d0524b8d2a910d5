package import Modules

/// The platform's money in one currency, in minor units, read from balances that every posting keeps.
package struct FinanceOverview: Sendable, Hashable {
    package let currency: Currency
    /// Received from customers: sales, subscriptions and money held for payouts.
    package let received: Int64
    package let revenue: Int64
    package let commission: Int64
    package let held: Int64
    package let payable: Int64
    package let payoutPending: Int64
    /// Transferred to payees, whether or not it has arrived at their banks.
    package let transferred: Int64
    package let paidOut: Int64
    package let refundPending: Int64
    package let refunded: Int64
    package let disputed: Int64
    package let disputeLost: Int64
    package let unclaimed: Int64
    package let fees: Int64
    /// Movements so far.
    package let paymentCount: Int64
    package let payoutCount: Int64
    package let refundCount: Int64
    package let disputeCount: Int64

    /// What the platform has earned: revenue and commission, without fees.
    package var net: Int64 { revenue + commission - fees }
}
