import Audit
import Entitlements
import Identity
import Modules
import Stripe

/// The payment methods of an organisation's customer. Their data is at the provider alone.
final class PaymentMethodService: Sendable {
    private static let setup = ProviderPurpose("setup-intent.create")
    private static let attach = ProviderPurpose("payment-method.attach")
    private static let setDefault = ProviderPurpose("payment-method.set-default")

    private let database: any Database
    private let calls: ProviderCallService
    private let customers: CustomerService
    private let audit: AuditService
    private let publishableKey: String?
    private let runtime: Runtime

    init(
        database: any Database, calls: ProviderCallService, customers: CustomerService, audit: AuditService,
        publishableKey: String?, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.customers = customers
        self.audit = audit
        self.publishableKey = publishableKey
        self.runtime = runtime
        // Nothing is stored of payment methods.
        for purpose in [Self.setup, Self.attach, Self.setDefault] { calls.register(purpose) { _, _, _ in } }
    }

    /// The organisation's customer; made where there is none.
    /// - Throws: `not-configured`, `provider-unavailable`.
    func makeCustomer(scope: Scope) async throws(Problem) -> BillingCustomer {
        try await customers.require(for: scope)
    }

    /// - Throws: `not-found` for an organisation without a customer.
    func customer(scope: Scope) async throws(Problem) -> BillingCustomer {
        let stored = try await database.read { [customers] in
            try customers.customer(of: scope.organisation, in: $0)
        }
        guard let stored else { throw Problem(.notFound, detail: "There is no customer yet.") }
        return stored
    }

    /// At most 100 methods, the newest first; none for an organisation without a customer.
    /// - Throws: `not-configured`, `provider-unavailable`.
    func list(scope: Scope) async throws(Problem) -> PaymentMethodList {
        let client = try calls.requireClient()
        let stored = try await database.read { [customers] in
            try customers.customer(of: scope.organisation, in: $0)
        }
        guard let stored else { return PaymentMethodList(paymentMethods: []) }
        do throws(StripeFetchFailure) {
            let customer = try await client.fetch(
                .customer(stored.providerID), id: stored.providerID, as: StripeCustomer.self)
            let methods = try await client.page(
                .paymentMethods(customer: stored.providerID), of: StripePaymentMethod.self)
            return PaymentMethodList(
                paymentMethods: methods.elements.map {
                    PaymentMethodView($0, isDefault: $0.id == customer.defaultPaymentMethod)
                })
        } catch { throw Problem(.providerUnavailable, cause: error) }
    }

    /// Prepares the entry of a method by the client.
    /// - Throws: `not-configured`, `provider-unavailable`, `payment-refused`.
    func setUp(scope: Scope) async throws(Problem) -> SetupIntentView {
        let customer = try await customers.require(for: scope)
        let object = try await perform(
            Self.setup, .createSetupIntent(customer: customer.providerID), "payment-method.setup-requested", scope)
        guard let id = object["id"]?.string, let secret = object["client_secret"]?.string else {
            throw Problem(.providerUnavailable)
        }
        return SetupIntentView(setupIntentId: id, clientSecret: secret, publishableKey: publishableKey)
    }

    /// Pays renewals with a method from now on, and attaches it to the customer where it is not.
    /// - Throws: `not-found` for a method of another customer; `not-configured`, `provider-unavailable`,
    ///   `payment-refused`.
    func update(_ choice: PaymentMethodChoice, scope: Scope) async throws(Problem) -> PaymentMethodList {
        let id = try choice.selected()
        let client = try calls.requireClient()
        let customer = try await customers.require(for: scope)
        let method: StripePaymentMethod
        do throws(StripeFetchFailure) {
            method = try await client.fetch(.paymentMethod(id), id: id)
        } catch { throw error.isMissing ? Problem(.notFound) : Problem(.providerUnavailable, cause: error) }
        guard method.customer == nil || method.customer == customer.providerID else { throw Problem(.notFound) }
        if method.customer == nil {
            _ = try await perform(
                Self.attach, .attachPaymentMethod(id, to: customer.providerID), "payment-method.attached", scope)
        }
        _ = try await perform(
            Self.setDefault, .updateCustomer(customer.providerID, defaultPaymentMethod: id),
            "payment-method.default-changed", scope)
        let subscription = try await database.read { try $0.liveProviderSubscription(of: scope.organisation) }
        if let subscription = subscription?.providerID {
            _ = try await perform(
                Self.setDefault, .updateSubscription(subscription, defaultPaymentMethod: id),
                "payment-method.default-changed", scope)
        }
        return try await list(scope: scope)
    }

    /// - Returns: the object of the response.
    private func perform(_ purpose: ProviderPurpose, _ request: StripeRequest, _ action: String, _ scope: Scope)
        async throws(Problem) -> JSONValue
    {
        let id: ID<ProviderCall> = runtime.id()
        try await database.write { [calls, audit] transaction in
            try transaction.authority(of: scope, SubscriptionService.payers)
            try calls.enqueue(
                ProviderCall(
                    id: id, purpose: purpose, subject: "\(purpose.name):\(scope.organisation)",
                    organisation: scope.organisation, key: "\(purpose.name):\(id)", request: request),
                in: transaction)
            try audit.record(AuditEvent(action, by: scope, subject: scope.organisation.text), in: transaction)
        }
        switch try await calls.send(id) {
        case .done(let object): return object
        case .refused(let refusal): throw Problem(refused: refusal)
        case nil: throw Problem(.providerUnavailable)
        }
    }
}
