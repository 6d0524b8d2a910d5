import Identity
import Modules

/// The endpoints of deliveries.
struct WebhookDeliveryRoutes: Sendable {
    let deliveries: WebhookDeliveryService
    let identity: IdentityModule

    var routes: [Route] {
        let manager = identity.organisation(.owner, .admin)
        return [
            .get(
                "webhooks/endpoints/{id}/deliveries", "List the deliveries to an endpoint, newest first",
                requires: manager, .path("id", of: WebhookEndpoint.self),
                .query("state", oneOf: WebhookDelivery.State.allCases.map(\.rawValue)), .query("after", upTo: 36),
                .query("limit", 1...100, default: 50)
            ) { [deliveries] scope, id, state, after, limit in
                var bound: ID<WebhookDelivery>?
                if let after {
                    guard let id = ID<WebhookDelivery>(after) else { throw Problem(.notFound) }
                    bound = id
                }
                return try await deliveries.list(
                    id, state: state.flatMap(WebhookDelivery.State.init), after: bound, limit: limit, scope: scope)
            },
            .post(
                "webhooks/endpoints/{id}/replays", "Send the failed deliveries of a time again",
                requires: manager, .path("id", of: WebhookEndpoint.self), problems: [.conflict]
            ) { [deliveries] (replay: WebhookReplay, scope, id) in
                try await deliveries.replay(replay, of: id, scope: scope)
            },
            .get(
                "webhooks/deliveries/{id}", "Get a delivery with its body", requires: manager,
                .path("id", of: WebhookDelivery.self)
            ) { [deliveries] scope, id in try await deliveries.view(id, scope: scope) },
            .post(
                "webhooks/deliveries/{id}/retries", "Send a delivery again", requires: manager,
                .path("id", of: WebhookDelivery.self), problems: [.conflict]
            ) { [deliveries] scope, id in try await deliveries.retry(id, scope: scope) },
            .post(
                "admin/webhooks/endpoints/{id}/replays",
                "Send the failed deliveries of a time to an endpoint of any organisation again",
                requires: identity.role(.admin), .path("id", of: WebhookEndpoint.self), problems: [.conflict]
            ) { [deliveries] (replay: WebhookReplay, scope, id) in
                try await deliveries.replay(replay, of: id, administrator: scope)
            },
        ]
    }
}
