import Identity
import Modules

/// Webhooks of the provider, and its events for administrators.
struct ProviderEventRoutes {
    let identity: IdentityModule
    let webhooks: ProviderWebhookService
    let administration: ProviderEventAdministrationService

    var routes: [Route] {
        [
            .post(
                "webhooks/stripe", "Receive an event of Stripe", requires: .public, ProviderWebhook(),
                problems: [.webhookRefused]
            ) { _, delivery in
                try await webhooks.accept(delivery)
            }.alias("payments/webhooks/stripe", "stripe/webhook"),
            .get(
                "admin/provider-events", "List the events of the payment provider, newest first",
                requires: identity.role(.admin), .query("state", oneOf: ProviderEvent.State.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { _, state, limit, offset in
                try await administration.list(
                    state.flatMap(ProviderEvent.State.init), limit: limit, offset: offset)
            },
            .post(
                "admin/provider-events/{id}/redrive", "Apply an event again that could not be applied",
                requires: identity.role(.admin), .path("id", of: ProviderEvent.self), problems: [.providerEventState]
            ) { scope, id in try await administration.redrive(id, scope: scope) },
        ]
    }
}
