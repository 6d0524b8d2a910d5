package import Modules

/// What an organisation pays for its plan, by the provider.
package struct BillingView: Payload {
    /// The subscription's id at the provider; absent until it has made one.
    package var stripeSubscriptionId: String?
    /// In major units; absent for a plan whose price is not known here.
    package var amount: DecimalNumber?
    package var amountMinor: Int64?
    package var currency: String?
    package var cycle: Cycle
    /// The country whose price it is; absent for the general price.
    package var region: String?
}
