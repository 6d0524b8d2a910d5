import Identity
import Modules

/// The current subscription and the trial, for customers. The module of payments has the endpoints that change plans.
struct SubscriptionRoutes {
    let identity: IdentityModule
    let subscription: SubscriptionRequirement
    let subscriptions: SubscriptionService
    let trials: TrialService

    var routes: [Route] {
        [
            .get(
                "payments/subscription", "The current subscription",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, snapshot in
                try subscriptions.current(snapshot)
            },
            .post(
                "payments/start-trial",
                "Start the trial",
                requires: identity.organisation(.owner, .admin).inPerson, identity.verified,
                problems: [.trialUsed, .alreadySubscribed]
            ) { scope, _ in Created(try await trials.start(scope: scope)) },
            .get("payments/trial-status", "The state of the trial and its remaining days", requires: identity.member) {
                scope in try await trials.status(scope: scope)
            },
        ]
    }
}
