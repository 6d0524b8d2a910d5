package import Identity
package import Modules

/// An organisation's customer at the provider.
package struct BillingCustomer: Sendable {
    package let organisation: ID<Organisation>
    /// The id at the provider, `cus_…`.
    package let providerID: String
    package let createdAt: Instant
}
