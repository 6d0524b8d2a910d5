import Billing
import Modules

/// The platform's money, one object for each currency.
struct FinanceOverviewView: Payload {
    var currencies: [CurrencyFinances]
}

/// The platform's money in one currency. Amounts without `_minor` are in major units.
struct CurrencyFinances: Payload {
    var currency: String
    /// Received from customers.
    var totalRevenue: DecimalNumber
    var totalRevenueMinor: Int64
    var totalCommissions: DecimalNumber
    var totalCommissionsMinor: Int64
    /// Transferred to payees.
    var totalPayouts: DecimalNumber
    var totalPayoutsMinor: Int64
    var totalRefunds: DecimalNumber
    var totalRefundsMinor: Int64
    /// Sales and commissions without the provider's fees.
    var netPlatformRevenue: DecimalNumber
    var netPlatformRevenueMinor: Int64
    /// Held for work that is not released.
    var totalHeld: DecimalNumber
    var totalHeldMinor: Int64
    var counts: FinanceCounts

    init(_ overview: FinanceOverview) {
        func major(_ minor: Int64) -> DecimalNumber { Money(minor, overview.currency).major }
        currency = overview.currency.code
        totalRevenue = major(overview.received)
        totalRevenueMinor = overview.received
        totalCommissions = major(overview.commission)
        totalCommissionsMinor = overview.commission
        totalPayouts = major(overview.transferred)
        totalPayoutsMinor = overview.transferred
        totalRefunds = major(overview.refunded)
        totalRefundsMinor = overview.refunded
        netPlatformRevenue = major(overview.net)
        netPlatformRevenueMinor = overview.net
        totalHeld = major(overview.held)
        totalHeldMinor = overview.held
        counts = FinanceCounts(
            payments: overview.paymentCount, payouts: overview.payoutCount, refunds: overview.refundCount,
            disputes: overview.disputeCount)
    }
}

struct FinanceCounts: Payload {
    var payments: Int64
    var payouts: Int64
    var refunds: Int64
    var disputes: Int64
}

/// The money of one event.
struct EventFinances: Payload {
    var eventId: ID<MarketplaceEvent>
    var currency: String
    var totalPaid: DecimalNumber
    var totalPaidMinor: Int64
    /// Of releases and of cancellations.
    var totalCommission: DecimalNumber
    var totalCommissionMinor: Int64
    var totalRefunded: DecimalNumber
    var totalRefundedMinor: Int64
    /// Transferred to vendors.
    var totalReleased: DecimalNumber
    var totalReleasedMinor: Int64
    var payments: [PaymentView]

    init(_ event: MarketplaceEvent, _ payments: [Payment], _ funds: EventFunds, released: [Payout]) {
        func major(_ minor: Int64) -> DecimalNumber { Money(minor, event.currency).major }
        let commission = funds.fee + released.map(\.commission).reduce(0, +)
        let net = released.map(\.net).reduce(0, +)
        eventId = event.id
        currency = event.currency.code
        totalPaid = major(funds.received)
        totalPaidMinor = funds.received
        totalCommission = major(commission)
        totalCommissionMinor = commission
        totalRefunded = major(funds.refunded)
        totalRefundedMinor = funds.refunded
        totalReleased = major(net)
        totalReleasedMinor = net
        self.payments = payments.map { PaymentView($0) }
    }
}
