import Entitlements
import Identity
import Modules

struct PaymentMethodRoutes {
    let identity: IdentityModule
    let methods: PaymentMethodService

    var routes: [Route] {
        [
            .get(
                "payments/payment-methods", "List the organisation's payment methods",
                requires: identity.organisation(.owner, .admin), problems: [.notConfigured, .providerUnavailable]
            ) { scope in try await methods.list(scope: scope) },
            .post(
                "payments/setup-intent", "Prepare the entry of a payment method",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.paymentRefused, .notConfigured, .providerUnavailable]
            ) { scope in try await methods.setUp(scope: scope) },
            .post(
                "payments/update-payment-method", "Pay renewals with another method",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.notFound, .paymentRefused, .notConfigured, .providerUnavailable]
            ) { (choice: PaymentMethodChoice, scope) in try await methods.update(choice, scope: scope) },
        ]
    }
}
