import Audit
import Entitlements
import Identity
import Modules
import Stripe

/// Begins subscriptions that are paid for, and gives attempts up that another one takes the place of.
///
/// An organisation has one attempt at a time: a request for the same plan continues it, one for another plan ends it
/// first. Whether it was paid meanwhile is decided by the provider, which refuses to end it then.
final class SubscriptionAttemptService: Sendable {
    /// What is to be begun.
    struct Order: Sendable {
        let plan: Plan
        let price: Price
        /// Nil for a payment method that the client confirms.
        let paymentMethod: String?
        let coupon: String?
        let isCheckout: Bool
    }

    private enum Beginning: Sendable {
        case begun(ProviderSubscription)
        /// The attempt that has to end first.
        case replaces(ProviderSubscription)
    }

    private let database: any Database
    private let billing: SubscriptionBillingService
    private let provider: ProviderCallService
    private let calls: SubscriptionCallService
    private let events: ProviderEventService
    private let customers: CustomerService
    private let prices: ProviderPriceService
    private let coupons: ProviderCouponService
    private let audit: AuditService
    private let runtime: Runtime

    init(
        database: any Database, billing: SubscriptionBillingService, provider: ProviderCallService,
        calls: SubscriptionCallService, events: ProviderEventService, customers: CustomerService,
        prices: ProviderPriceService, coupons: ProviderCouponService, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.billing = billing
        self.provider = provider
        self.calls = calls
        self.events = events
        self.customers = customers
        self.prices = prices
        self.coupons = coupons
        self.audit = audit
        self.runtime = runtime
    }

    /// Begins a subscription, or continues the attempt at the same one.
    /// - Parameter makeRequest: the request that begins it at the provider.
    /// - Throws: `not-configured`, `already-subscribed`, `payment-in-progress` where an earlier attempt is not known to
    ///   have ended, `payment-refused`, `provider-unavailable`; what coupons throw.
    func begin(
        _ order: Order, scope: Scope,
        _ makeRequest: @escaping @Sendable (Beginnings) -> StripeRequest
    ) async throws(Problem) -> ProviderSubscription {
        try provider.requireClient()
        let live = try await database.read { try $0.liveProviderSubscription(of: scope.organisation) }
        if let live, !live.isAttempt { throw Problem(.alreadySubscribed) }
        let customer = try await customers.require(for: scope)
        let price = try await prices.require(order.price, of: order.plan)
        let coupon = try await coupons.require(
            order.coupon, for: order.plan, price.amount, of: live?.id, scope: scope)
        for _ in 0..<2 {
            switch try await insert(order, price, customer, coupon: coupon, scope: scope, makeRequest) {
            case .begun(let row): return try await begun(row)
            case .replaces(let row): try await abandon(row, scope: scope)
            }
        }
        throw Problem(.paymentInProgress)
    }

    /// What a request to the provider is made of.
    struct Beginnings: Sendable {
        let id: ID<ProviderSubscription>
        let customer: String
        let price: String
        /// The coupon's id at the provider.
        let coupon: String?
    }

    private func insert(
        _ order: Order, _ price: ProviderPrice, _ customer: BillingCustomer, coupon: String?, scope: Scope,
        _ makeRequest: @escaping @Sendable (Beginnings) -> StripeRequest
    ) async throws(Problem) -> Beginning {
        try await database.write { [self] transaction in
            try transaction.requireCaller(scope)
            if let live = try transaction.lockedLiveProviderSubscription(of: scope.organisation) {
                try transaction.authority(of: scope, SubscriptionService.payers)
                guard live.isAttempt else { throw Problem(.alreadySubscribed) }
                if live.isSuperseded {
                    try billing.requireReplaceable(of: scope.organisation, in: transaction)
                    throw Problem(.paymentInProgress)
                }
                let isOpen = live.sessionExpiresAt.map { transaction.now < $0 } ?? true
                let isSame = live.isAttempt(at: price, onPage: order.isCheckout)
                return try isOpen && isSame && coupons.isTaken(order.coupon, by: live, in: transaction)
                    ? .begun(live) : .replaces(live)
            }
            let row = ProviderSubscription(
                id: runtime.id(), organisation: scope.organisation, person: scope.person,
                isCheckout: order.isCheckout, call: runtime.id(), price: price, at: transaction.now)
            // Another request has begun one meanwhile: a repeat finds it.
            guard try transaction.insert(row) else { throw Problem(.paymentInProgress) }
            if order.isCheckout {
                // A page that is left open does not keep the organisation from a plan without payment.
                try billing.requireReplaceable(of: scope.organisation, in: transaction)
            } else {
                try billing.begin(row.billingState, of: scope.organisation, in: transaction)
            }
            try transaction.authority(of: scope, SubscriptionService.payers)
            if let code = order.coupon {
                try coupons.redeem(
                    code, for: order.plan.id, amount: price.amount, by: scope.organisation,
                    operation: ProviderSubscription.couponOperation(row.id), in: transaction)
            }
            let request = makeRequest(
                Beginnings(
                    id: row.id, customer: customer.providerID, price: price.providerID ?? "", coupon: coupon))
            try calls.enqueueCreation(
                order.isCheckout ? SubscriptionCallService.createSession : SubscriptionCallService.create, request,
                of: row, in: transaction)
            try audit.record(
                AuditEvent(
                    "subscription.start-requested", by: scope, subject: row.id.text,
                    details: ["plan": order.plan.id.text, "cycle": order.price.cycle.rawValue]),
                in: transaction)
            return .begun(row)
        }
    }

    /// Sends what begins a subscription and reads what has become of it.
    private func begun(_ row: ProviderSubscription) async throws(Problem) -> ProviderSubscription {
        if row.state == .starting { try await calls.sendAccepted(row.call) }
        return try await current(row)
    }

    private func current(_ row: ProviderSubscription) async throws(Problem) -> ProviderSubscription {
        guard let current = try await database.read({ try $0.providerSubscription(row.id) }) else {
            throw Problem(.notFound)
        }
        return current
    }

    /// Ends an attempt at the provider. Where it was paid meanwhile, it is read again.
    /// - Throws: `already-subscribed` where it was paid; `payment-in-progress` where that is not known.
    func abandon(_ row: ProviderSubscription, scope: Scope) async throws(Problem) {
        guard row.state == .open else { throw Problem(.paymentInProgress) }
        if row.providerID != nil {
            try await endSubscription(row, scope: scope)
        } else {
            try await change(SubscriptionCallService.expireSession, row, scope: scope) {
                $0.sessionID.map { .expireCheckoutSession($0) }
            }
        }
        let ended = try await current(row)
        guard ended.isLive else { return }
        try await refresh(ended)
        let present = try await current(row)
        if present.isLive { throw Problem(present.isAttempt ? .paymentInProgress : .alreadySubscribed) }
    }

    /// The invoice is voided first: that is refused where it was paid, and nothing is lost then.
    private func endSubscription(_ row: ProviderSubscription, scope: Scope) async throws(Problem) {
        let isVoid = try await change(SubscriptionCallService.void, row, scope: scope) {
            $0.latestInvoice.map { .voidInvoice($0) }
        }
        guard isVoid else { return }
        try await change(SubscriptionCallService.cancel, row, scope: scope) {
            $0.providerID.map { .cancelSubscription($0) }
        }
    }

    /// - Returns: whether the provider has done it.
    @discardableResult
    private func change(
        _ purpose: ProviderPurpose, _ row: ProviderSubscription, scope: Scope,
        _ request: @escaping @Sendable (ProviderSubscription) -> StripeRequest?
    ) async throws(Problem) -> Bool {
        let call = try await database.write { [calls] transaction -> ID<ProviderCall>? in
            try transaction.requireCaller(scope)
            guard var present = try transaction.lockedProviderSubscription(row.id), present.isLive,
                let request = request(present)
            else { return nil }
            try transaction.authority(of: scope, SubscriptionService.payers)
            return try calls.enqueue(purpose, request, of: &present, in: transaction)
        }
        guard let call else { return false }
        if case .done = try await calls.send(call) { return true }
        return false
    }

    /// Reads an attempt at the provider and applies what is found.
    func refresh(_ row: ProviderSubscription) async throws(Problem) {
        if let session = row.sessionID, row.providerID == nil { try await events.refresh(session, .checkoutSession) }
        let linked = try await current(row)
        guard let subscription = linked.providerID else { return }
        try await events.refresh(subscription, .subscription)
        if let invoice = try await current(row).latestInvoice { try await events.refresh(invoice, .invoice) }
    }
}
