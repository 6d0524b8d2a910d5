import Identity
import Modules

/// Subscriptions of all accounts, for administrators.
struct SubscriptionAdministrationRoutes {
    let identity: IdentityModule
    let subscriptions: SubscriptionService

    var routes: [Route] {
        [
            .get(
                "payments/subscriptions",
                "List the subscriptions of all accounts",
                requires: identity.role(.admin), .query("status", oneOf: Subscription.Status.allCases.map(\.rawValue)),
                .query("plan", upTo: 64),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { _, status, plan, limit, offset in
                try await subscriptions.list(
                    status: status.flatMap(Subscription.Status.init), plan: plan, limit: limit, offset: offset)
            },
            .get(
                "payments/subscriptions/{user_id}", "An account's subscription", requires: identity.role(.admin),
                .path("user_id", of: Person.self)
            ) {
                _, person in try await subscriptions.of(person)
            },
            .post(
                "payments/subscriptions/{user_id}/adjust",
                "Set an account's plan",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.planNotFound, .subscriptionState]
            ) { (adjustment: Adjustment, scope, person) in
                try await subscriptions.adjust(adjustment, scope: scope, person: person)
            },
            .post(
                "payments/subscriptions/{user_id}/extend-trial",
                "Extend an account's trial",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.subscriptionState]
            ) { (trialExtension: TrialExtension, scope, person) in
                try await subscriptions.extendTrial(trialExtension, scope: scope, person: person)
            },
        ]
    }
}
