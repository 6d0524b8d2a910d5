import Identity
import Modules
import NIOCore

/// An event as every endpoint gets it.
struct WebhookEvent: Sendable {
    /// The header field `webhook-id`: the same at every endpoint and at every attempt.
    let id: ID<WebhookEvent>
    let organisation: ID<Organisation>
    let type: String
    /// The body: JSON with `type`, `timestamp` and `data`.
    let body: String
    let createdAt: Instant

    /// - Throws: `internal-error` for a body above ``WebhookService/bodyBytesMax``.
    init<Data: Payload>(
        id: ID<WebhookEvent>, _ organisation: ID<Organisation>, _ type: WebhookEventType, _ data: Data, at now: Instant
    ) throws(Problem) {
        let encoded = try WebhookBody(type: type.name, timestamp: now, data: data).encoded()
        guard encoded.readableBytes <= WebhookService.bodyBytesMax else {
            throw Problem(.internalError, cause: TooLarge(type: type.name, bytes: encoded.readableBytes))
        }
        self.id = id
        self.organisation = organisation
        self.type = type.name
        body = String(buffer: encoded)
        createdAt = now
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        type = try row["type"]
        body = try row["body"]
        createdAt = try row["created_at"]
    }

    struct TooLarge: Error {
        let type: String
        let bytes: Int
    }
}

/// The body of an event, as Standard Webhooks recommends it.
private struct WebhookBody<Data: Payload>: Payload {
    let type: String
    /// When the event took place.
    let timestamp: Instant
    let data: Data
}

/// The data of `webhook.test`.
struct WebhookTestData: Payload {
    let endpointId: ID<WebhookEndpoint>
}
