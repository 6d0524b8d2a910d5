import Entitlements
import Identity
import Modules
import Stripe

/// The provider's own pages: Checkout, which starts a subscription, and the portal, which manages it.
final class CheckoutService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let billing: SubscriptionBillingService
    private let calls: ProviderCallService
    private let customers: CustomerService
    private let attempts: SubscriptionAttemptService
    private let subscriptions: PaidSubscriptionService
    private let frontend: String
    private let runtime: Runtime

    private static let portal = ProviderPurpose("portal.create")

    init(
        database: any Database, entitlements: EntitlementsModule, calls: ProviderCallService,
        customers: CustomerService, attempts: SubscriptionAttemptService, subscriptions: PaidSubscriptionService,
        frontend: String, runtime: Runtime
    ) {
        self.database = database
        plans = entitlements.plans
        billing = entitlements.billing
        self.calls = calls
        self.customers = customers
        self.attempts = attempts
        self.subscriptions = subscriptions
        self.frontend = frontend
        self.runtime = runtime
        calls.register(Self.portal) { _, _, _ in }
    }

    /// A page on which the caller starts a plan; the same page again while it is open.
    /// - Throws: `validation-failed`, `plan-not-found`, `payment-required` for a plan that cannot be bought; what
    ///   ``SubscriptionAttemptService`` throws.
    func begin(_ order: CheckoutOrder, scope: Scope) async throws(Problem) -> CheckoutView {
        let choice = PaidPlanChoice(
            plan: order.planId, cycle: order.billingCycle?.cycle, country: order.country, coupon: order.coupon)
        let plan = try plans.current.plan(choice)
        guard plan.start == .payment else {
            throw Problem(
                .paymentRequired, detail: "\(plan.name) cannot be bought.", members: ["plan": .string(plan.name)])
        }
        let locale = try Self.locale(order.locale)
        let row = try await attempts.begin(
            try await subscriptions.order(plan, choice, isCheckout: true), scope: scope
        ) { [frontend] in
            .createSubscriptionCheckout(
                customer: $0.customer, price: $0.price,
                successURL: "\(frontend)/checkout/success?session_id={CHECKOUT_SESSION_ID}",
                cancelURL: "\(frontend)/checkout/cancelled", reference: $0.id.text, coupon: $0.coupon, locale: locale,
                metadata: [SubscriptionUpdateService.metadataKey: $0.id.text])
        }
        guard let session = row.sessionID, let url = row.sessionURL else { throw Problem(.providerUnavailable) }
        return CheckoutView(sessionId: session, url: url)
    }

    /// Whether the caller's session was paid, as the provider says it now.
    /// - Throws: `not-found` also for another organisation's session; `payment-not-completed`.
    func verify(_ check: CheckoutCheck, scope: Scope) async throws(Problem) -> CheckoutResult {
        let id = check.sessionId
        let row = try await database.read { try $0.providerSubscription(ofSession: id, of: scope.organisation) }
        guard let row else { throw Problem(.notFound, detail: "There is no such session.") }
        try await attempts.refresh(row)
        let (paid, view) = try await database.read { [billing] transaction in
            let paid = try transaction.providerSubscription(row.id).flatMap { $0.paidThrough == nil ? nil : $0 }
            return (paid, try billing.view(of: scope.organisation, in: transaction))
        }
        guard let paid, var view else { throw Problem(.paymentNotCompleted) }
        if paid.isLive { view.billing = BillingView(paid) }
        return CheckoutResult(success: true, paymentStatus: "paid", subscription: view)
    }

    /// A page on which the caller manages payment methods, the subscription and invoices.
    /// - Throws: `not-configured`, `provider-unavailable`, `payment-refused` where the portal is not set up.
    func portal(_ order: PortalOrder, scope: Scope) async throws(Problem) -> PortalView {
        let locale = try Self.locale(order.locale)
        let customer = try await customers.require(for: scope)
        let id: ID<ProviderCall> = runtime.id()
        let call = ProviderCall(
            id: id, purpose: Self.portal, subject: id.text, organisation: scope.organisation, key: "portal:\(id)",
            request: .createPortalSession(
                customer: customer.providerID, returnURL: "\(frontend)/account", locale: locale))
        try await database.write { [calls] transaction in
            try transaction.authority(of: scope, SubscriptionService.payers)
            try calls.enqueue(call, in: transaction)
        }
        switch try await calls.send(id) {
        case .done(let object):
            guard let url = object["url"]?.string else { throw Problem(.providerUnavailable) }
            return PortalView(url: url)
        case .refused(let refusal): throw Problem(refused: refusal)
        case nil: throw Problem(.providerUnavailable)
        }
    }

    private static func locale(_ text: String?) throws(Problem) -> String? {
        guard let text else { return nil }
        guard text.utf8.allSatisfy({ $0 < 0x80 }), text.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }) else {
            throw Problem.invalid("/locale", "is a language such as 'de', or 'auto'")
        }
        return text
    }
}

extension Problem.Kind {
    static let paymentNotCompleted = Self("payment-not-completed", "The payment is not completed", status: 402)
}
