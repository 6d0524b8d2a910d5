package import Identity
package import Modules

/// The customers of organisations at the provider: one for each organisation, made when it is needed.
package final class CustomerService: Sendable {
    package init() {}

    /// The organisation's customer; made at the provider where there is none.
    /// - Throws: `not-configured`; `provider-unavailable` where its making is not known to have succeeded in time: a
    ///   repeat continues with the same one.
    package func require(for scope: Scope) async throws(Problem) -> BillingCustomer { throw Problem(.notConfigured) }

    /// - Returns: nil where the organisation has none.
    package func customer(of organisation: ID<Organisation>, in transaction: Transaction) throws -> BillingCustomer? {
        nil
    }

    /// - Returns: nil for an unknown customer.
    package func organisation(ofCustomer providerID: String, in transaction: Transaction) throws -> ID<Organisation>? {
        nil
    }
}
