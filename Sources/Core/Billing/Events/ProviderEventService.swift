package import Modules
package import Stripe

/// Receives the provider's events, stores each once, and applies the objects that they name, one at a time for each
/// object.
package final class ProviderEventService: Sendable {
    package enum Effect: Sendable {
        case applied
        /// The object is none of ours, or has nothing that matters here.
        case ignored
    }

    /// Applies the present state of an object, in the transaction that marks its events. It is called again for every
    /// further event, so an unchanged state has no effect. Older states than the one applied last are not handed over.
    package typealias Handler = @Sendable (ProviderObject, Transaction) throws -> Effect

    package init() {}

    /// Adds a handler of a kind of objects, when the system is built. A kind may have several; the events of a kind
    /// without handlers are stored and ignored.
    package func register(_ kind: ProviderObjectKind, applying handler: @escaping Handler) {}

    /// Records a state that did not come by an event: the response to a call, or a fetch for a request.
    /// - Parameter seenAt: when the request began, by the database's clock (``ProviderCall/sentAt``).
    /// - Returns: whether no newer state has been applied. An older one must not be.
    package func observe(
        _ object: String, of account: String? = nil, seenAt: Instant, in transaction: Transaction
    ) throws -> Bool { true }

    /// Fetches an object now and applies it as an event's: for a request that must not wait for the event.
    /// - Throws: `not-configured`; `provider-unavailable`; `not-found` where the provider has no such object.
    package func refresh(_ id: String, _ kind: ProviderObjectKind, of account: String? = nil) async throws(Problem) {}
}
