import Billing
import Identity
import Modules

/// The endpoints of events' payments. Their beginning, `payments/create-intent`, is Billing's.
struct EventPaymentRoutes: Sendable {
    let payments: EventPaymentService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "payments/confirm", "Have the provider asked whether an event's payment is completed",
                requires: member, problems: [.notFound, .paymentIncomplete, .providerUnavailable, .notConfigured]
            ) { [payments] (body: PaymentConfirmation, scope) in try await payments.confirm(body, scope: scope) },
            .get(
                "payments/{event_id}", "List the payments of an event, and what remains to be paid",
                requires: member, .path("event_id", of: MarketplaceEvent.self), problems: [.notFound, .notTheOwner]
            ) { [payments] scope, id in try await payments.list(of: id, scope: scope) },
        ]
    }
}
