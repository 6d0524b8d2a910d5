import Audit
import Entitlements
import Identity
import Modules
import Stripe

/// Starts, changes and ends subscriptions: those that the provider bills here, those without payment in Entitlements.
///
/// Every change is a call that is written with it, sent after the commit, and applied with its outcome
/// (``SubscriptionUpdateService``); the caller waits for that.
package final class PaidSubscriptionService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let subscriptions: SubscriptionService
    private let billing: SubscriptionBillingService
    private let provider: ProviderCallService
    private let calls: SubscriptionCallService
    private let events: ProviderEventService
    private let customers: CustomerService
    private let prices: ProviderPriceService
    private let attempts: SubscriptionAttemptService
    private let audit: AuditService
    private let publishableKey: String?
    private let runtime: Runtime

    init(
        database: any Database, entitlements: EntitlementsModule, provider: ProviderCallService,
        calls: SubscriptionCallService, events: ProviderEventService, customers: CustomerService,
        prices: ProviderPriceService, attempts: SubscriptionAttemptService, audit: AuditService,
        publishableKey: String?, runtime: Runtime
    ) {
        self.database = database
        plans = entitlements.plans
        subscriptions = entitlements.subscriptions
        billing = entitlements.billing
        self.provider = provider
        self.calls = calls
        self.events = events
        self.customers = customers
        self.prices = prices
        self.attempts = attempts
        self.audit = audit
        self.publishableKey = publishableKey
        self.runtime = runtime
    }

    // MARK: Start

    /// Starts a plan: at once where it needs no payment; else with a first payment, which the client completes. A trial
    /// stays until then.
    /// - Throws: `validation-failed`, `plan-not-found`, `payment-required` for a plan that cannot be bought,
    ///   `email-not-verified`, `already-subscribed`; what ``SubscriptionAttemptService`` throws; for a plan without payment, what
    ///   ``SubscriptionService/start(_:scope:)`` throws.
    func subscribe(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plans.current.plan(choice)
        guard plan.start == .payment else { return try await subscriptions.start(choice, scope: scope) }
        let isVerified = try await database.read { try Contact.of(scope.person, in: $0)?.isEmailVerified == true }
        guard isVerified else { throw Problem(.emailNotVerified) }
        let order = try await order(plan, choice, isCheckout: false)
        if let named = choice.customerId {
            let own = try await customers.require(for: scope)
            guard named == own.providerID else { throw Problem(.notFound, detail: "There is no such customer.") }
        }
        let method = order.paymentMethod
        let row = try await attempts.begin(order, scope: scope) {
            .createSubscription(
                customer: $0.customer, price: $0.price, paymentMethod: method, coupon: $0.coupon,
                metadata: [SubscriptionUpdateService.metadataKey: $0.id.text])
        }
        return try await pending(row)
    }

    func order(_ plan: Plan, _ choice: PaidPlanChoice, isCheckout: Bool) async throws(Problem)
        -> SubscriptionAttemptService.Order
    {
        let cycle = try choice.selectedCycle()?.cycle ?? .monthly
        let price = try await prices.choose(
            plan, cycle, region: choice.selectedRegion(), currency: choice.selectedCurrency())
        return SubscriptionAttemptService.Order(
            plan: plan, price: price, paymentMethod: try choice.selectedPaymentMethod(), coupon: choice.coupon,
            isCheckout: isCheckout)
    }

    /// The subscription as it is after a request, with what the client needs to pay.
    private func pending(_ row: ProviderSubscription) async throws(Problem) -> SubscriptionView {
        var row = row
        if !row.isAttempt, let invoice = row.latestInvoice {
            // Nothing was to be paid, or it is paid: the invoice says so.
            try await events.refresh(invoice, .invoice)
        }
        let secret = row.isAttempt ? try await clientSecret(of: row.latestInvoice) : nil
        let (view, stored) = try await database.read { [billing, row] transaction in
            let stored = try transaction.providerSubscription(row.id) ?? row
            let view =
                stored.isAttempt
                ? try billing.view(pending: stored.billingState, of: row.organisation, at: transaction.now)
                : try billing.view(of: row.organisation, in: transaction)
            return (view, stored)
        }
        row = stored
        guard var view else { throw Problem(.notFound) }
        view.billing = BillingView(row)
        view.clientSecret = secret
        view.publishableKey = publishableKey
        return view
    }

    /// With it the client pays an invoice; it is read from the provider and not stored.
    private func clientSecret(of invoice: String?) async throws(Problem) -> String? {
        guard let invoice else { return nil }
        var request = StripeRequest.invoice(invoice)
        request.form.set("expand", ["confirmation_secret"])
        return try await fetch(request, id: invoice, as: StripeInvoice.self).clientSecret
    }

    private func fetch<Object: StripeObject>(_ request: StripeRequest, id: String, as type: Object.Type)
        async throws(Problem) -> Object
    {
        let client = try provider.requireClient()
        do throws(StripeFetchFailure) { return try await client.fetch(request, id: id, as: type) } catch {
            throw Problem(.providerUnavailable, cause: error)
        }
    }

    // MARK: Change

    /// Changes to a larger plan at once. The difference is paid now: where that fails, nothing changes.
    /// - Throws: `validation-failed`, `plan-not-found`, `conflict` for a plan that is not larger, `subscription-state`,
    ///   `payment-refused`, `provider-unavailable`; without a billed subscription, what
    ///   ``SubscriptionService/upgrade(_:scope:)`` throws.
    func upgrade(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> SubscriptionView {
        guard let row = try await billed(scope) else { return try await subscriptions.upgrade(choice, scope: scope) }
        let (plan, price) = try await larger(choice, than: row)
        let startsNewPeriod = price.cycle != row.cycle
        let response = try await change(
            SubscriptionCallService.upgrade, "subscription.upgrade-requested", ["plan": plan.id.text], scope: scope
        ) { [self] row, transaction in
            guard row.status == .active || row.status == .trialing, row.cancelAt == nil else { throw Self.notNow(row) }
            try requireNoDowngrade(of: row, in: transaction)
            return .changeSubscription(
                row.providerID ?? "", item: row.itemID ?? "", price: price.providerID ?? "",
                proration: .alwaysInvoice, behavior: .pendingIfIncomplete, startsNewPeriod: startsNewPeriod)
        }
        var changed = try await reading(row.id)
        if changed.plan != plan.id || changed.cycle != price.cycle {
            try await attempts.refresh(changed)
            changed = try await reading(row.id)
        }
        guard changed.plan == plan.id, changed.cycle == price.cycle else {
            return try await unpaidUpgrade(changed, invoice: response.latestInvoice, scope: scope)
        }
        return try await view(changed)
    }

    /// Until a smaller plan takes effect, the provider has its price already: it would credit that one for time that
    /// was paid for at the price of the larger one.
    private func requireNoDowngrade(of row: ProviderSubscription, in transaction: Transaction) throws {
        guard let next = try billing.view(of: row.organisation, in: transaction)?.nextPlanAt, transaction.now < next
        else { return }
        throw Problem(
            .subscriptionState,
            detail: "A smaller plan follows: POST /v1/payments/resumption keeps the present one.")
    }

    private func larger(_ choice: PaidPlanChoice, than row: ProviderSubscription) async throws(Problem) -> (
        Plan, ProviderPrice
    ) {
        let set = plans.current
        let plan = try set.plan(choice)
        let cycle = try choice.selectedCycle()?.cycle ?? row.cycle
        let (new, old) = (set.rank(of: plan.id) ?? -1, set.rank(of: row.plan) ?? -1)
        guard plan.start == .payment else {
            throw Problem(
                .conflict, detail: "\(plan.name) cannot be bought: cancel the subscription, or downgrade to Free.")
        }
        guard new > old || new == old && cycle.months > row.cycle.months else {
            throw Problem(
                .conflict,
                detail: "\(plan.name) is not larger than the current plan: POST /v1/payments/downgrade changes to it.")
        }
        guard cycle.months >= row.cycle.months else {
            throw Problem.invalid("/cycle", "stays yearly while the year that is paid for lasts")
        }
        let price = try await prices.choose(plan, cycle, region: row.region, currency: row.amount.currency)
        return (plan, try await prices.require(price, of: plan))
    }

    /// The difference could not be collected. Where the customer has to confirm it, they can; else the change is
    /// given up.
    /// - Parameter invoice: the one that this change has made: another request may have made a newer one.
    private func unpaidUpgrade(_ row: ProviderSubscription, invoice: String?, scope: Scope) async throws(Problem)
        -> SubscriptionView
    {
        if let invoice, let secret = try await clientSecret(of: invoice),
            let end = secret.firstRange(of: "_secret")?.lowerBound
        {
            let id = String(secret[..<end])
            let intent = try await fetch(.paymentIntent(id), id: id, as: StripePaymentIntent.self)
            if intent.status == .requiresAction || intent.status == .processing {
                var view = try await view(row)
                view.clientSecret = secret
                view.publishableKey = publishableKey
                return view
            }
            try await change(SubscriptionCallService.void, "subscription.upgrade-failed", [:], scope: scope) { _, _ in
                .voidInvoice(invoice)
            }
            throw Problem(.paymentRefused, detail: intent.lastError?.message ?? "The payment was declined.")
        }
        throw Problem(.paymentRefused, detail: "The payment was declined.")
    }

    /// What an upgrade would cost now.
    /// - Throws: as ``upgrade(_:scope:)``.
    func preview(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> ProrationPreview {
        guard let row = try await billed(scope) else { return try await previewOfStart(choice, scope: scope) }
        let (plan, price) = try await larger(choice, than: row)
        let customer = try await customers.require(for: scope)
        let now = try await database.read { [self] transaction in
            try requireNoDowngrade(of: row, in: transaction)
            return transaction.now
        }
        let startsNewPeriod = price.cycle != row.cycle
        let invoice = try await previewed(
            .previewChange(
                of: row.providerID ?? "", customer: customer.providerID, item: row.itemID ?? "",
                price: price.providerID ?? "", proration: .alwaysInvoice, prorationDate: now,
                startsNewPeriod: startsNewPeriod))
        let next =
            startsNewPeriod
            ? Period(anchor: now, every: price.cycle, containing: now).end : row.paidThrough ?? invoice.periodEnd
        return ProrationPreview(
            currentTier: row.plan.text, newTier: plan.id.text, prorationAmount: invoice.total.major,
            prorationAmountMinor: invoice.total.minorUnits, nextInvoiceAmount: price.amount.major,
            nextInvoiceAmountMinor: price.amount.minorUnits, nextInvoiceDate: next,
            currency: price.amount.currency.code)
    }

    /// The invoice that a request would make. It has no effect, so that it is not written down.
    private func previewed(_ request: StripeRequest) async throws(Problem) -> StripeInvoice {
        let client = try provider.requireClient()
        switch await client.send(request, key: "preview:\(runtime.id() as ID<ProviderCall>)") {
        case .done(let object):
            do throws(StripeObjectFault) { return try StripeInvoice(object) } catch {
                throw Problem(.providerUnavailable, cause: error)
            }
        case .refused(let refusal): throw Problem(refused: refusal)
        case .unknown: throw Problem(.providerUnavailable)
        }
    }

    /// Without a billed subscription the whole first period is paid.
    private func previewOfStart(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> ProrationPreview {
        let plan = try plans.current.plan(choice)
        guard plan.start == .payment else { throw Problem(.conflict, detail: "\(plan.name) cannot be bought.") }
        let order = try await order(plan, choice, isCheckout: false)
        let amount = prices.total(order.price, of: plan)
        let (view, now) = try await database.read { [billing] transaction in
            (try billing.view(of: scope.organisation, in: transaction), transaction.now)
        }
        return ProrationPreview(
            currentTier: view?.plan.id, newTier: plan.id.text, prorationAmount: amount.major,
            prorationAmountMinor: amount.minorUnits, nextInvoiceAmount: amount.major,
            nextInvoiceAmountMinor: amount.minorUnits,
            nextInvoiceDate: Period(anchor: now, every: order.price.cycle, containing: now).end,
            currency: amount.currency.code)
    }

    /// Changes to a smaller plan with the next period, without a proration.
    /// - Throws: `validation-failed`, `plan-not-found`, `conflict` for a plan that is not smaller,
    ///   `subscription-state`, `provider-unavailable`; without a billed subscription, what
    ///   ``SubscriptionService/downgrade(_:scope:)`` throws.
    func downgrade(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> SubscriptionView {
        guard let row = try await billed(scope) else { return try await subscriptions.downgrade(choice, scope: scope) }
        let set = plans.current
        let plan = try set.plan(choice)
        let (new, old) = (set.rank(of: plan.id) ?? .max, set.rank(of: row.plan) ?? -1)
        guard new < old, [.anyone, .payment].contains(plan.start) else {
            throw Problem(
                .conflict,
                detail: "\(plan.name) is not a smaller plan: POST /v1/payments/upgrade changes to a larger one.")
        }
        let isBilled = plan.start == .payment
        if let cycle = try choice.selectedCycle(), cycle.cycle != (isBilled ? row.cycle : .monthly) {
            throw Problem.invalid("/\(cycle.name)", "stays as it is with a downgrade")
        }
        var price: ProviderPrice?
        if isBilled {
            let chosen = try await prices.choose(plan, row.cycle, region: row.region, currency: row.amount.currency)
            price = try await prices.require(chosen, of: plan)
        }
        try await change(
            SubscriptionCallService.downgrade, "subscription.downgrade-scheduled", ["plan": plan.id.text], scope: scope
        ) { [billing, price] row, transaction in
            guard row.status == .active || row.status == .trialing, row.cancelAt == nil else { throw Self.notNow(row) }
            try billing.schedule(
                plan.id, isBilled: isBilled, by: row.nextChangeNumber, after: row.id.text, of: row.organisation,
                in: transaction)
            guard let price else { return .updateSubscription(row.providerID ?? "", cancelsAtPeriodEnd: true) }
            return .changeSubscription(
                row.providerID ?? "", item: row.itemID ?? "", price: price.providerID ?? "", proration: .none)
        }
        return try await view(try await reading(row.id))
    }

    private static func notNow(_ row: ProviderSubscription) -> Problem {
        let reason = row.cancelAt == nil ? "A payment is due." : "It ends: POST /v1/payments/resumption keeps it."
        return Problem(.subscriptionState, detail: reason)
    }

    // MARK: End

    /// Ends the subscription, now or with what is paid for; an attempt that is not paid, at once.
    /// - Throws: `subscription-state`, `payment-in-progress`, `provider-unavailable`.
    func cancel(_ cancellation: Cancellation, scope: Scope) async throws(Problem) -> SubscriptionView {
        let live = try await database.read { try $0.liveProviderSubscription(of: scope.organisation) }
        guard let live else {
            return try await subscriptions.cancel(cancellation, scope: scope)
        }
        guard !live.isAttempt else {
            try await attempts.abandon(live, scope: scope)
            return try await view(try await reading(live.id))
        }
        let isNow = cancellation.immediate ?? false
        do throws(Problem) {
            try await change(
                isNow ? SubscriptionCallService.cancel : SubscriptionCallService.end, "subscription.cancelled",
                ["immediate": "\(isNow)"], scope: scope
            ) { row, _ in
                isNow
                    ? .cancelSubscription(row.providerID ?? "")
                    : .updateSubscription(row.providerID ?? "", cancelsAtPeriodEnd: true)
            }
        } catch {
            // The provider refuses to end what has ended, such as by a request whose response was lost.
            guard error.kind == .paymentRefused else { throw error }
            try await attempts.refresh(live)
            guard try await !reading(live.id).isLive else { throw error }
        }
        return try await view(try await reading(live.id))
    }

    /// Revokes a cancellation, or a downgrade, before it takes effect.
    /// - Throws: `subscription-state`, `provider-unavailable`.
    func resume(scope: Scope) async throws(Problem) -> SubscriptionView {
        guard let row = try await billed(scope) else { return try await subscriptions.resume(scope: scope) }
        let present = try await view(row)
        guard row.cancelAt != nil || present.nextPlan != nil else {
            throw Problem(.subscriptionState, detail: "There is no cancellation to revoke.")
        }
        if row.cancelAt != nil {
            try await change(SubscriptionCallService.resume, "subscription.resumed", [:], scope: scope) { row, _ in
                .updateSubscription(row.providerID ?? "", cancelsAtPeriodEnd: false)
            }
        }
        if present.nextPlan != nil, let plan = plans.current[Plan.ID(present.plan.id)], plan.id != row.plan {
            let chosen = try await prices.choose(plan, row.cycle, region: row.region, currency: row.amount.currency)
            let price = try await prices.require(chosen, of: plan)
            try await change(SubscriptionCallService.resume, "subscription.resumed", [:], scope: scope) { row, _ in
                .changeSubscription(
                    row.providerID ?? "", item: row.itemID ?? "", price: price.providerID ?? "", proration: .none)
            }
        }
        return try await view(try await reading(row.id))
    }

    /// Reads a subscription at the provider again, for an administrator.
    /// - Throws: `not-found` for one that was not begun here.
    func synchronise(_ providerID: String, scope: Scope) async throws(Problem) -> SubscriptionView {
        let row = try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let row = try transaction.lockedProviderSubscription(ofProviderID: providerID) else {
                throw Problem(.notFound)
            }
            try audit.record(
                AuditEvent(
                    "subscription.synchronised", by: scope, in: row.organisation, subject: row.id.text),
                in: transaction)
            return row
        }
        try await attempts.refresh(row)
        return try await view(try await reading(row.id))
    }

    // MARK: Shared

    /// The organisation's subscription that the provider bills and that has been paid.
    private func billed(_ scope: Scope) async throws(Problem) -> ProviderSubscription? {
        let live = try await database.read { try $0.liveProviderSubscription(of: scope.organisation) }
        return live.flatMap { $0.isAttempt ? nil : $0 }
    }

    private func reading(_ id: ID<ProviderSubscription>) async throws(Problem) -> ProviderSubscription {
        guard let row = try await database.read({ try $0.providerSubscription(id) }) else { throw Problem(.notFound) }
        return row
    }

    private func view(_ row: ProviderSubscription) async throws(Problem) -> SubscriptionView {
        var view = try await database.read { [billing] transaction in
            if let view = try billing.view(of: row.organisation, in: transaction) { return view }
            var view = try billing.view(pending: row.billingState, of: row.organisation, at: transaction.now)
            if !row.isLive { view.status = .incompleteExpired }
            return view
        }
        if row.isLive { view.billing = BillingView(row) }
        return view
    }

    /// Writes a change with its call, sends it, and waits for its effect.
    /// - Parameter makeRequest: checks the row and writes what goes with the change, in the transaction.
    /// - Returns: the object of the response.
    @discardableResult
    private func change(
        _ purpose: ProviderPurpose, _ action: String, _ details: [String: String], scope: Scope,
        _ makeRequest: @escaping @Sendable (ProviderSubscription, Transaction) throws -> StripeRequest
    ) async throws(Problem) -> JSONValue {
        let call = try await database.write { [calls, audit] transaction in
            try transaction.requireCaller(scope)
            guard var row = try transaction.lockedLiveProviderSubscription(of: scope.organisation), !row.isAttempt,
                !row.isSuperseded
            else { throw Problem(.subscriptionState, detail: "The subscription has ended meanwhile.") }
            let request = try makeRequest(row, transaction)
            try transaction.authority(of: scope, SubscriptionService.payers)
            let call = try calls.enqueue(purpose, request, of: &row, in: transaction)
            try audit.record(AuditEvent(action, by: scope, subject: row.id.text, details: details), in: transaction)
            return call
        }
        return try await calls.sendAccepted(call)
    }
}
