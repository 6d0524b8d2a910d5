import Entitlements
import Identity
import Modules

/// The organisation's customer at the provider, for clients that ask for it.
struct CustomerRoutes {
    let identity: IdentityModule
    let methods: PaymentMethodService

    var routes: [Route] {
        [
            .post(
                "payments/create-customer", "Make the organisation's customer at the payment provider",
                requires: identity.organisation(.owner, .admin).inPerson,
                problems: [.notConfigured, .providerUnavailable]
            ) { (_: CustomerOrder, scope) in Created(CustomerView(try await methods.makeCustomer(scope: scope))) },
            .get(
                "payments/customer", "The organisation's customer at the payment provider",
                requires: identity.organisation(.owner, .admin), problems: [.notFound]
            ) { scope in CustomerView(try await methods.customer(scope: scope)) },
        ]
    }
}
