package import Modules
package import Stripe

/// Writes down, sends and settles calls to the payment provider.
package final class ProviderCallService: Sendable {
    /// The outcome that a handler is given. Unknown ones are never handled: they are reconciled first.
    package enum Outcome: Sendable {
        /// The object of Stripe's response. Where another process has settled the call, only its `id`, `object` and
        /// `status`.
        case done(JSONValue)
        case refused(StripeRefusal)
    }

    /// What a look-up at the provider has found of a call whose idempotency key has expired there.
    package enum Finding: Sendable {
        case done(JSONValue)
        case refused(StripeRefusal)
        /// The effect is not there. Two look-ups, an hour apart, settle the call as refused.
        case absent
        /// The provider did not answer.
        case unknown
    }

    /// Applies an outcome, in the transaction that settles the call. It is called once for each call.
    package typealias Handler = @Sendable (ProviderCall, Outcome, Transaction) throws -> Void

    /// Finds out what became of a call whose idempotency key has expired at the provider.
    package typealias Reconciliation = @Sendable (ProviderCall, StripeClient) async -> Finding

    /// Nil where the installation has no provider.
    package let client: StripeClient?

    package init(client: StripeClient?) { self.client = client }

    /// Called once for each purpose, when the system is built.
    /// - Parameter reconciliation: nil for calls that an administrator settles where they are still unknown after 24
    ///   hours.
    package func register(
        _ purpose: ProviderPurpose, reconciling reconciliation: Reconciliation? = nil,
        settling handler: @escaping Handler
    ) {}

    /// - Throws: `not-configured` without a provider.
    package func requireClient() throws(Problem) -> StripeClient {
        guard let client else { throw Problem(.notConfigured, detail: "Payments are not configured.") }
        return client
    }

    /// Writes a call and the job that sends it.
    /// - Returns: false where a call with this key was written before; nothing has changed then.
    /// - Throws: `not-configured` without a provider.
    @discardableResult
    package func enqueue(_ call: ProviderCall, in transaction: Transaction) throws -> Bool { false }

    /// Sends a call that has been committed, for a request that waits for it. Where the job or another request is
    /// sending it, waits for their outcome.
    /// - Returns: nil where the outcome is not known when `timeout` has passed.
    package func send(_ id: ID<ProviderCall>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem)
        -> Outcome?
    { nil }
}
