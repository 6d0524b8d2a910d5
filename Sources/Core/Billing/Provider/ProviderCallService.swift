package import Modules
package import Stripe

/// Writes down, sends and settles calls to the payment provider.
package final class ProviderCallService: Sendable {
    /// The outcome that a handler is given. Unknown ones are never handled: they are reconciled first.
    package enum Outcome: Sendable {
        case done(JSONValue)
        case refused(StripeRefusal)
    }

    /// Applies an outcome, in the transaction that settles the call. It is called once for each call.
    package typealias Handler = @Sendable (ProviderCall, Outcome, Transaction) throws -> Void

    /// Finds out what became of a call whose idempotency key has expired at the provider.
    /// - Returns: the outcome; nil where it is not known yet.
    package typealias Reconciliation = @Sendable (ProviderCall, StripeClient) async -> Outcome?

    /// Nil where the installation has no provider.
    package let client: StripeClient?

    package init(client: StripeClient?) { self.client = client }

    /// Called once for each purpose, when the system is built.
    package func register(
        _ purpose: ProviderPurpose, reconciling: Reconciliation? = nil, settling handler: @escaping Handler
    ) {}

    /// Writes a call and the job that sends it.
    /// - Throws: `not-configured` without a provider.
    package func enqueue(_ call: ProviderCall, in transaction: Transaction) throws {}

    /// Sends a call that has been committed, for a request that waits for it. Where the job or another request is
    /// sending it, waits for their outcome.
    /// - Returns: nil where the outcome is not known when `timeout` has passed.
    package func send(_ id: ID<ProviderCall>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem)
        -> Outcome?
    { nil }
}
