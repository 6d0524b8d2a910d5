import Modules

struct WebhookDeliveryView: Payload {
    var id: ID<WebhookDelivery>
    var endpointId: ID<WebhookEndpoint>
    /// The header field `webhook-id`.
    var eventId: ID<WebhookEvent>
    var type: String
    var state: WebhookDelivery.State
    /// Since the event, or since the last requested retry.
    var attempts: Int64
    var nextAttemptAt: Instant?
    var attemptedAt: Instant?
    /// The status of the last response.
    var status: Int?
    /// Why the last attempt failed.
    var error: String?
    /// The beginning of the last response that was no success.
    var response: String?
    var durationMs: Int64?
    var createdAt: Instant
    var endedAt: Instant?

    init(_ delivery: WebhookDelivery, type: String) {
        id = delivery.id
        endpointId = delivery.endpoint
        eventId = delivery.event
        self.type = type
        state = delivery.state
        attempts = delivery.attempts
        nextAttemptAt = delivery.nextAttemptAt
        attemptedAt = delivery.attemptedAt
        status = delivery.status
        error = delivery.error
        response = delivery.response
        durationMs = delivery.duration
        createdAt = delivery.createdAt
        endedAt = delivery.endedAt
    }
}

struct WebhookDeliveryList: Payload {
    var deliveries: [WebhookDeliveryView]
    /// The value of `after` for the next page; nil on the last one.
    var nextCursor: ID<WebhookDelivery>?
}

/// A delivery with the body that is sent.
struct WebhookDeliveryDetail: Payload {
    var delivery: WebhookDeliveryView
    var body: JSONValue

    init(_ delivery: WebhookDelivery, _ event: WebhookEvent) throws {
        self.delivery = WebhookDeliveryView(delivery, type: event.type)
        body = try JSONValue(parsing: Array(event.body.utf8))
    }
}

/// The time whose failed deliveries are sent again.
struct WebhookReplay: Payload {
    /// When the first of the events took place.
    var since: Instant
    /// Defaults to now.
    var until: Instant?
}

struct WebhookReplayView: Payload {
    /// How many are sent again.
    var deliveries: Int
    /// Whether another request would replay more.
    var hasMore: Bool
}
