import Entitlements
import Identity
import Modules

struct CheckoutRoutes {
    let identity: IdentityModule
    let checkout: CheckoutService
    let couponAttempts: CouponAttemptLimit

    var routes: [Route] {
        [
            .post(
                "stripe/create-checkout-session", "Open a page of the payment provider that starts a plan",
                requires: identity.organisation(.owner, .admin).inPerson, identity.verified,
                problems: [
                    .planNotFound, .paymentRequired, .alreadySubscribed, .paymentInProgress, .paymentRefused,
                    .couponNotFound, .couponEnded, .couponNotForPlan, .couponUsed, .notConfigured, .providerUnavailable,
                ]
            ) { (order: CheckoutOrder, scope, _) in try await checkout.begin(order, scope: scope) }
            .guarded(by: couponAttempts),
            .post(
                "stripe/verify-session", "Whether the page's payment is complete",
                requires: identity.organisation(.owner, .admin),
                problems: [.notFound, .paymentNotCompleted, .notConfigured, .providerUnavailable]
            ) { (check: CheckoutCheck, scope) in try await checkout.verify(check, scope: scope) },
            .post(
                "stripe/customer-portal", "Open a page of the payment provider that manages the subscription",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.paymentRefused, .notConfigured, .providerUnavailable]
            ) { (order: PortalOrder, scope) in
                try await checkout.portal(order, scope: scope)
            },
        ]
    }
}
