import Identity
import Modules

struct EventCancellationRoutes: Sendable {
    let cancellations: EventCancellationService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "events/{event_id}/cancel", "Cancel an event, and refund what was paid without the commission",
                requires: member, .path("event_id", of: MarketplaceEvent.self),
                problems: [
                    .notFound, .notTheOwner, .eventState, .releaseInProgress, .serviceReleased, .notConfigured,
                ]
            ) { [cancellations] (body: EventCancellation, scope, id) in
                try await cancellations.cancel(id, body, scope: scope)
            }
        ]
    }
}
