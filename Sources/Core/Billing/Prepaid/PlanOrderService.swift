import Entitlements
import Identity
import Modules

/// Sells periods of plans by payment intents: `POST /v1/payments/create-intent` with a plan.
///
/// Money that can pay for nothing any more, because another subscription has begun since, is returned at once.
final class PlanOrderService: Sendable {
    static let purpose = PaymentPurpose("plan")

    private let plans: PlanCatalog
    private let prepaid: PrepaidPlanService
    private let returns: PlanPaymentReturnService
    private let runtime: Runtime

    init(
        plans: PlanCatalog, prepaid: PrepaidPlanService, payments: PaymentService, returns: PlanPaymentReturnService,
        runtime: Runtime
    ) {
        self.plans = plans
        self.prepaid = prepaid
        self.returns = returns
        self.runtime = runtime
        payments.register(Self.purpose, to: .revenue) { [weak self] in try self?.follow($0, in: $1) }
        payments.resolve { [weak self] in try self?.payment(of: $0, scope: $1, in: $2) }
    }

    // MARK: Orders

    /// What a request is for; nil where it names no plan.
    /// - Throws: `validation-failed`, `plan-not-found`, `payment-required` for a plan that is not sold;
    ///   `already-subscribed`; `insufficient-role`.
    private func payment(of request: PaymentRequest, scope: Scope, in transaction: Transaction) throws -> NewPayment? {
        guard request.namesPlan else { return nil }
        guard request.eventId == nil else { throw Problem.invalid("/event_id", "contradicts plan") }
        let order = try order(of: request, for: scope.organisation)
        // The client's expectation is compared before a live payment is given up for it.
        try request.requireAmount(order.amount)
        let stored = try transaction.lockPlanOrder(order)
        // Locked before the subscription, as where its money arrives.
        let live = try transaction.livePayment(of: Self.purpose, stored.id.text).flatMap {
            try transaction.lockedPayment($0.id)
        }
        // What a live payment is for stays until it has ended.
        let isLive = live.map { !$0.state.isFinal } ?? false
        if !isLive { try transaction.updatePlanOrder(stored.id, to: order) }
        try prepaid.requirePayable(order.plan.plan, order.plan.cycle, by: scope.organisation, in: transaction)
        try transaction.authority(of: scope, SubscriptionService.payers)
        return NewPayment(
            organisation: scope.organisation, person: scope.person, purpose: Self.purpose, subject: stored.id.text,
            amount: order.amount, description: order.plan.description,
            metadata: ["plan": order.plan.plan.text, "cycle": order.plan.cycle.rawValue],
            replacesLive: isLive && stored.plan != order.plan)
    }

    private func order(of request: PaymentRequest, for organisation: ID<Organisation>) throws(Problem) -> PlanOrder {
        let plan = try plans.current.plan(request)
        guard plan.start == .payment else {
            throw Problem(
                .paymentRequired, title: "This plan is not sold", detail: "\(plan.name) is not paid for.",
                members: ["plan": .string(plan.name)])
        }
        let region = try request.selectedRegion()
        let cycle = try request.selectedCycle()?.cycle ?? .monthly
        // An amount in another currency is refused with the one that is to be paid.
        let currency = request.currency.flatMap { Currency($0) }
        let wanted = currency.flatMap { plan.price(every: cycle, in: region, currency: $0) }
        let price = if let wanted { wanted } else { try plan.requirePrice(every: cycle, in: region) }
        guard price.amount.minorUnits > 0 else { throw Problem.invalid("/plan", "costs nothing") }
        let line = InvoiceLine(plan, price, taxes: plans.taxes(in: price.region))
        return PlanOrder(
            id: runtime.id(),
            plan: PrepaidPlan(
                organisation: organisation, plan: plan.id, cycle: cycle, description: line.description,
                price: price.amount, region: price.region),
            amount: Money(InvoiceAmounts([line]).total, price.amount.currency))
    }

    // MARK: Money

    private func follow(_ payment: Payment, in transaction: Transaction) throws {
        guard payment.state == .succeeded else { return }
        guard let order = try ID<PlanOrder>(payment.subject).flatMap({ try transaction.planOrder($0) }),
            try prepaid.isPayable(
                order.plan.plan, order.plan.cycle, by: payment.organisation, in: transaction)
        else { return try returns.giveBack(payment, in: transaction) }
        let period = try prepaid.apply(order.plan, paidBy: payment, in: transaction)
        try prepaid.send(
            "plan-paid", to: payment.organisation,
            [
                "amount": "\(payment.amount)", "description": payment.description,
                "through": period.range.upperBound.description,
            ], in: transaction)
        try prepaid.issueInvoice(for: order.plan, period, paidBy: payment, by: "Card", in: transaction)
    }
}
