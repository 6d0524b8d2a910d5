import Identity
import Modules

/// The endpoints that pay completed services.
struct ReleaseRoutes: Sendable {
    let releases: ReleaseService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "payments/release/{event_service_id}", "Approve a completed service, and pay its provider",
                requires: member, .path("event_service_id", of: ServiceBooking.self),
                problems: [
                    .notFound, .notTheOwner, .ownVendor, .serviceNotCompleted, .releaseInProgress, .eventNotPaid,
                    .payoutsDisabled, .onboardingRequired, .payoutHeld, .transferFailed, .notConfigured,
                ]
            ) { [releases] scope, id in try await releases.release(id, scope: scope) }
            .alias("bookings/approve-completion/{event_service_id}")
        ]
    }
}
