import Entitlements
import Identity
import Modules

/// Start, change and end of subscriptions.
struct PaidSubscriptionRoutes {
    let identity: IdentityModule
    let subscriptions: PaidSubscriptionService
    let planner: PlannerSubscriptionService
    let couponAttempts: CouponAttemptLimit

    var routes: [Route] { plans + plannerRoutes }

    /// What every request to the provider may answer.
    private static let provider: [Problem.Kind] = [.notConfigured, .providerUnavailable]

    private var plans: [Route] {
        [
            .post(
                "payments/subscribe",
                "Start a plan, with a first payment where it is paid for",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [
                    .planNotFound, .paymentRequired, .alreadySubscribed, .emailNotVerified, .freePlanUsed, .notFound,
                    .paymentInProgress, .paymentRefused, .couponNotFound, .couponEnded, .couponNotForPlan, .couponUsed,
                ] + Self.provider
            ) { (choice: PaidPlanChoice, scope) in Created(try await subscriptions.subscribe(choice, scope: scope)) }
            .guarded(by: couponAttempts),
            .get(
                "payments/proration-preview", "What a larger plan costs now, and the next invoice",
                requires: identity.organisation(.owner, .admin), .query("plan", upTo: 64), .query("tier", upTo: 64),
                .query("cycle", oneOf: Cycle.allCases.map(\.rawValue)), .query("country", upTo: 2),
                problems: [.planNotFound, .conflict, .subscriptionState, .paymentRefused] + Self.provider
            ) { scope, plan, tier, cycle, country in
                if let plan, let tier, plan != tier { throw Problem.invalid("/query/tier", "contradicts plan") }
                return try await subscriptions.preview(
                    PaidPlanChoice(plan: plan ?? tier, cycle: cycle.flatMap(Cycle.init), country: country),
                    scope: scope)
            },
            .post(
                "payments/upgrade",
                "Change to a larger plan at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [
                    .planNotFound, .paymentRequired, .subscriptionState, .emailNotVerified, .freePlanUsed, .conflict,
                    .paymentRefused,
                ] + Self.provider
            ) { (choice: PaidPlanChoice, scope) in try await subscriptions.upgrade(choice, scope: scope) },
            .post(
                "payments/downgrade",
                "Change to a smaller plan with the next period",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.planNotFound, .conflict, .subscriptionState, .paymentRefused] + Self.provider
            ) { (choice: PaidPlanChoice, scope) in try await subscriptions.downgrade(choice, scope: scope) },
            .post(
                "payments/cancel-subscription",
                "Cancel the subscription, at the end of its period or at once",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState, .paymentInProgress, .alreadySubscribed, .paymentRefused] + Self.provider
            ) { (cancellation: Cancellation, scope) in try await subscriptions.cancel(cancellation, scope: scope) },
            .post(
                "payments/resumption",
                "Revoke a cancellation, or a downgrade, before it takes effect",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.subscriptionState, .paymentRefused] + Self.provider
            ) { scope in try await subscriptions.resume(scope: scope) },
        ]
    }

    private var plannerRoutes: [Route] {
        [
            .get(
                "subscriptions/me", "The current subscription, with the planner's iterations",
                requires: identity.member, problems: [.notFound]
            ) { scope in try await planner.current(scope: scope) },
            .post(
                "subscriptions/start", "Start a plan that is paid for",
                requires: identity.organisation(.owner, .admin).inPerson, identity.verified,
                problems: [
                    .unsupportedPlan, .alreadySubscribed, .paymentInProgress, .paymentRefused, .notFound,
                    .couponNotFound, .couponEnded, .couponNotForPlan, .couponUsed,
                ] + Self.provider
            ) { (choice: PaidPlanChoice, scope, _) in try await planner.start(choice, scope: scope) }
            .guarded(by: couponAttempts),
            .post(
                "subscriptions/cancel", "Cancel the subscription at the end of its period",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.notFound, .subscriptionState, .paymentInProgress, .alreadySubscribed, .paymentRefused]
                    + Self.provider
            ) { (cancellation: PlannerCancellation, scope) in try await planner.cancel(cancellation, scope: scope) },
            .post(
                "subscriptions/sync/{stripe_subscription_id}", "Read a subscription at the payment provider again",
                requires: identity.role(.admin), .path("stripe_subscription_id"), problems: Self.provider
            ) { scope, id in try await planner.synchronise(id, scope: scope) },
        ]
    }
}
