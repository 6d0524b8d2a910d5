import Identity
import Modules

/// The endpoints of webhook endpoints. What they do outlasts a session, so that a session with a verified address is
/// needed to create one.
struct WebhookEndpointRoutes: Sendable {
    let endpoints: WebhookEndpointService
    let identity: IdentityModule

    var routes: [Route] {
        let manager = identity.organisation(.owner, .admin)
        return [
            .get("webhooks/event-types", "List the types of events", requires: identity.member) { [endpoints] _ in
                endpoints.types()
            },
            .post(
                "webhooks/endpoints", "Create an endpoint for events; its secret is shown once",
                requires: manager, identity.verified, problems: [.tooManyWebhookEndpoints, .notFound]
            ) { [endpoints] (payload: NewWebhookEndpoint, scope, _) in
                Created(try await endpoints.create(payload, scope: scope))
            },
            .get("webhooks/endpoints", "List the organisation's endpoints, newest first", requires: manager) {
                [endpoints] in try await endpoints.list(scope: $0)
            },
            .get(
                "webhooks/endpoints/{id}", "Get an endpoint", requires: manager,
                .path("id", of: WebhookEndpoint.self)
            ) { [endpoints] in try await endpoints.view($1, scope: $0) },
            .patch(
                "webhooks/endpoints/{id}", "Change, disable or enable an endpoint", requires: manager,
                identity.verified, .path("id", of: WebhookEndpoint.self)
            ) { [endpoints] (change: WebhookEndpointChange, scope, _, id) in
                try await endpoints.change(change, of: id, scope: scope)
            },
            .delete(
                "webhooks/endpoints/{id}", "Delete an endpoint and its secrets", requires: manager,
                .path("id", of: WebhookEndpoint.self)
            ) { [endpoints] scope, id in
                try await endpoints.delete(id, scope: scope)
                return NoContent()
            },
            .post(
                "webhooks/endpoints/{id}/rotation",
                "Replace the secret of an endpoint; events are signed with both for the overlap",
                requires: manager, .path("id", of: WebhookEndpoint.self),
                .query("overlap_hours", 0...168, default: 24)
            ) { [endpoints] scope, id, hours in
                Created(try await endpoints.rotate(id, overlap: .hours(Int64(hours)), scope: scope))
            },
            .post(
                "webhooks/endpoints/{id}/tests", "Send a test event to an endpoint", requires: manager,
                .path("id", of: WebhookEndpoint.self), problems: [.conflict]
            ) { [endpoints] scope, id in try await endpoints.test(id, scope: scope) },
            .get(
                "admin/webhooks/endpoints", "List the webhook endpoints of all organisations",
                requires: identity.role(.admin),
                .query("state", oneOf: ["enabled", "degraded", "disabled"]), .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [endpoints] _, state, limit, offset in
                try await endpoints.all(
                    state: state.flatMap(WebhookEndpoint.State.init), limit: limit, offset: offset)
            },
        ]
    }
}
