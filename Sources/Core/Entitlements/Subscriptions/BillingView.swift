package import Modules

/// What an organisation pays for its plan, by the provider.
package struct BillingView: Payload {
    /// The subscription's id at the provider; absent until it has made one.
    package var stripeSubscriptionId: String?
    /// What is paid for one cycle, in major units.
    package var amount: DecimalNumber
    package var amountMinor: Int64
    package var currency: String
    package var cycle: Cycle
    /// The country whose price it is; absent for the general price.
    package var region: String?

    package init(
        stripeSubscriptionId: String?, amount: Money, cycle: Cycle, region: String?
    ) {
        self.stripeSubscriptionId = stripeSubscriptionId
        self.amount = amount.major
        amountMinor = amount.minorUnits
        currency = amount.currency.code
        self.cycle = cycle
        self.region = region
    }
}
