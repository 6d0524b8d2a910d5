package import Identity
package import Modules

/// An organisation's customer at the provider.
package struct BillingCustomer: Sendable {
    /// Names the customer at the provider, in place of the organisation: it changes when the customer is made anew.
    let id: ID<BillingCustomer>
    package let organisation: ID<Organisation>
    /// The id at the provider, `cus_…`.
    package let providerID: String
    package let createdAt: Instant
}
