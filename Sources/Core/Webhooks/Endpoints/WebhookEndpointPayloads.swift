import Modules
import Outbound

struct NewWebhookEndpoint: Payload {
    /// `https://…`
    var url: String
    /// Names of types, or `*` alone for every type.
    var eventTypes: [String]
    var description: String?

    static let rules: [String: Rule] = [
        "url": .length(1...UserURL.bytesMax), "event_types": .items(upTo: 50), "description": .length(0...200),
    ]
}

struct WebhookEndpointChange: Payload {
    var url: String?
    /// Names of types, or `*` alone for every type.
    var eventTypes: [String]?
    var description: String?
    /// True enables an endpoint that is disabled, whatever the reason.
    var enabled: Bool?

    static let rules: [String: Rule] = [
        "url": .length(1...UserURL.bytesMax), "event_types": .items(upTo: 50), "description": .length(0...200),
    ]
}

struct WebhookEndpointView: Payload {
    var id: ID<WebhookEndpoint>
    var url: String
    var description: String
    var eventTypes: [String]
    var state: WebhookEndpoint.State
    var disabledBecause: WebhookEndpoint.Reason?
    /// Failed attempts since the last successful one.
    var failures: Int64
    var failingSince: Instant?
    /// Until then events are signed with the secret before the last rotation, too.
    var previousSecretUntil: Instant?
    var createdAt: Instant

    init(_ endpoint: WebhookEndpoint) {
        id = endpoint.id
        url = endpoint.url.description
        description = endpoint.description
        eventTypes = endpoint.eventTypes
        state = endpoint.state
        disabledBecause = endpoint.disabledBecause
        failures = endpoint.failures
        failingSince = endpoint.failingSince
        previousSecretUntil = endpoint.previousSecretUntil
        createdAt = endpoint.createdAt
    }
}

struct WebhookEndpointList: Payload {
    var endpoints: [WebhookEndpointView]

    var listTotal: Int64? { Int64(endpoints.count) }
}

/// An endpoint with its new secret. No other response contains a secret.
struct IssuedWebhookSecret: Payload {
    var endpoint: WebhookEndpointView
    /// `whsec_` and base64, for the libraries of Standard Webhooks.
    var secret: String
}

struct OwnedWebhookEndpoint: Payload {
    var organisationId: String
    var endpoint: WebhookEndpointView
}

struct WebhookEventTypeView: Payload {
    var name: String
    var summary: String
}

struct WebhookEventTypeList: Payload {
    var eventTypes: [WebhookEventTypeView]

    var listTotal: Int64? { Int64(eventTypes.count) }
}
