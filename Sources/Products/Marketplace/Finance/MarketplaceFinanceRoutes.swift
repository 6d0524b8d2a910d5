import Billing
import Identity
import Modules

/// The endpoints of administrators about the money of events: amounts, holds and disputes.
struct MarketplaceFinanceRoutes: Sendable {
    let finances: MarketplaceFinanceService
    let holds: PayoutHoldService
    let resolutions: DisputeResolutionService
    let administrator: RoleRequirement

    var routes: [Route] { amounts + decisions }

    private var amounts: [Route] {
        [
            .get(
                "admin/finance/overview", "Get the platform's money, one object for each currency",
                requires: administrator
            ) { [finances] _ in try await finances.overview() },
            .get(
                "admin/bookings/{event_id}/finance-summary", "Get the money of an event", requires: administrator,
                .path("event_id", of: MarketplaceEvent.self)
            ) { [finances] _, id in try await finances.summary(of: id) },
        ]
    }

    private var decisions: [Route] {
        [
            .post(
                "admin/bookings/{event_id}/hold-payouts", "Hold the services of an event that are not paid",
                requires: administrator, .path("event_id", of: MarketplaceEvent.self), problems: [.payoutState]
            ) { [holds] (body: PayoutHoldRequest, scope, id) in
                try await holds.hold(id, reason: body.reason ?? "An administrator holds it.", scope: scope)
            },
            .post(
                "admin/bookings/{event_id}/resume-payouts", "End the holds of an event's services",
                requires: administrator, .path("event_id", of: MarketplaceEvent.self), problems: [.notConfigured]
            ) { [holds] scope, id in try await holds.resume(id, scope: scope) },
            .post(
                "admin/disputes/{dispute_id}/status", "Mark a dispute as under review", requires: administrator,
                .path("dispute_id", of: MarketplaceDispute.self), problems: [.serviceState]
            ) { [resolutions] (_: DisputeStatusChange, scope, id) in
                try await resolutions.review(id, scope: scope)
            },
            .post(
                "admin/disputes/{dispute_id}/resolve", "Resolve a dispute: pay the vendor, or refund the organizer",
                requires: administrator, .path("dispute_id", of: MarketplaceDispute.self),
                problems: [
                    .ownVendor, .serviceState, .eventNotPaid, .payoutsDisabled, .onboardingRequired, .payoutHeld,
                    .transferFailed, .notConfigured,
                ]
            ) { [resolutions] (body: DisputeResolution, scope, id) in
                try await resolutions.resolve(id, body, scope: scope)
            },
        ]
    }
}
