import Modules

/// The answer to a webhook: it is stored.
struct ProviderWebhookReceipt: Payload {
    var received: Bool
}

/// An event of the provider, for administrators.
struct ProviderEventView: Payload {
    var id: ID<ProviderEvent>
    /// The id at the provider.
    var eventId: String
    /// The connected account; absent for the platform's own.
    var account: String?
    var type: String
    var objectKind: String
    var objectId: String
    var state: ProviderEvent.State
    var source: ProviderEvent.Source
    /// The provider's time.
    var createdAt: Instant
    var receivedAt: Instant
    var settledAt: Instant?
    var lastError: String?

    init(_ event: ProviderEvent) {
        id = event.id
        eventId = event.eventID
        account = event.account.isEmpty ? nil : event.account
        type = event.type
        objectKind = event.kind
        objectId = event.objectID
        state = event.state
        source = event.source
        createdAt = event.createdAt
        receivedAt = event.receivedAt
        settledAt = event.settledAt
        lastError = event.lastError
    }
}
