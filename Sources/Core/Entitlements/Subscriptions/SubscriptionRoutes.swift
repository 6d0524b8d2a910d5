import Identity
import Modules

/// Subscriptions and trials, for customers.
struct SubscriptionRoutes {
    let identity: IdentityModule
    let subscription: SubscriptionRequirement
    let subscriptions: SubscriptionService
    let trials: TrialService

    var routes: [Route] {
        [
            .post(
                "payments/subscribe",
                "Start a plan that needs no payment",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .paymentRequired, .alreadySubscribed, .emailNotVerified, .freePlanUsed]
            ) { (choice: PlanChoice, scope) in Created(try await subscriptions.start(choice, scope: scope)) },
            .get(
                "payments/subscription", "The current subscription",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, snapshot in
                try subscriptions.current(snapshot)
            },
            .post(
                "payments/upgrade",
                "Change to another plan at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [
                    .planNotFound, .paymentRequired, .subscriptionState, .emailNotVerified, .freePlanUsed,
                ]
            ) { (choice: PlanChoice, scope) in try await subscriptions.upgrade(choice, scope: scope) },
            .post(
                "payments/downgrade",
                "Change to a smaller plan with the next period",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .conflict, .subscriptionState]
            ) { (choice: PlanChoice, scope) in try await subscriptions.downgrade(choice, scope: scope) },
            .post(
                "payments/cancel-subscription",
                "Cancel the subscription, at the end of its period or at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState]
            ) { (cancellation: Cancellation, scope) in try await subscriptions.cancel(cancellation, scope: scope) },
            .post(
                "payments/resumption",
                "Revoke a cancellation before it takes effect",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState]
            ) { scope in try await subscriptions.resume(scope: scope) },
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
