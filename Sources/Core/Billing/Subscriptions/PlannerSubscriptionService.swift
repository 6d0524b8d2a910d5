import Entitlements
import Identity
import Modules

/// The subscription as Marketplace's clients read, start and end it.
final class PlannerSubscriptionService: Sendable {
    private static let iterations = Meter("iterations", title: "Iteration")

    private let database: any Database
    private let plans: PlanCatalog
    private let billing: SubscriptionBillingService
    private let customers: CustomerService
    private let subscriptions: PaidSubscriptionService

    init(
        database: any Database, entitlements: EntitlementsModule, customers: CustomerService,
        subscriptions: PaidSubscriptionService
    ) {
        self.database = database
        plans = entitlements.plans
        billing = entitlements.billing
        self.customers = customers
        self.subscriptions = subscriptions
    }

    /// - Throws: `not-found` for an organisation that never had a subscription.
    func current(scope: Scope) async throws(Problem) -> PlannerSubscription {
        try await database.read { [self] transaction in
            guard let view = try billing.view(of: scope.organisation, in: transaction) else {
                throw Problem(.notFound, detail: "There is no subscription.")
            }
            let snapshot = try billing.snapshot(of: scope.organisation, in: transaction)
            let limit = snapshot?.plan.limit(of: Self.iterations) ?? .upTo(0)
            let taken = snapshot.map { $0.level(of: Self.iterations) }.map { $0.used + $0.held } ?? 0
            let row = try transaction.lastProviderSubscription(of: scope.organisation)
            return PlannerSubscription(
                id: row.map { $0.isLive ? $0.id.text : view.id.text } ?? view.id.text, planType: view.plan.id,
                status: view.status.rawValue, iterationLimit: limit,
                iterationsRemaining: limit == .unlimited ? -1 : max(0, limit.value - taken),
                startDate: view.startedAt, endDate: view.cancelAt ?? view.paidThrough ?? view.periodEnd,
                cancelAt: view.cancelAt, stripeSubscriptionId: row?.providerID,
                stripeCustomerId: try customers.customer(of: scope.organisation, in: transaction)?.providerID)
        }
    }

    /// - Throws: `unsupported-plan` for a plan that cannot be bought; what
    ///   ``PaidSubscriptionService/subscribe(_:scope:)`` throws.
    func start(_ choice: PaidPlanChoice, scope: Scope) async throws(Problem) -> PlannerSubscriptionStart {
        guard let plan = plans.current[Plan.ID(try choice.selectedPlan())], plan.start == .payment else {
            throw Problem(.unsupportedPlan)
        }
        let view = try await subscriptions.subscribe(choice, scope: scope)
        return PlannerSubscriptionStart(
            success: true, subscriptionId: view.id.text, stripeSubscriptionId: view.billing?.stripeSubscriptionId,
            status: view.status.rawValue, clientSecret: view.clientSecret, publishableKey: view.publishableKey)
    }

    /// Ends the subscription with what is paid for.
    /// - Throws: `not-found` for another subscription than the caller's; what
    ///   ``PaidSubscriptionService/cancel(_:scope:)`` throws.
    func cancel(_ cancellation: PlannerCancellation, scope: Scope) async throws(Problem) -> PlannerSubscriptionEnd {
        let names = try await database.read { [billing] transaction in
            let row = try transaction.liveProviderSubscription(of: scope.organisation)
            let view = try billing.view(of: scope.organisation, in: transaction)
            return [row?.id.text, row?.providerID, view?.id.text].compactMap { $0 }
        }
        guard let first = names.first, cancellation.subscriptionId.map(names.contains) ?? true else {
            throw Problem(.notFound, detail: "There is no such subscription.")
        }
        let view = try await subscriptions.cancel(Cancellation(immediate: false), scope: scope)
        return PlannerSubscriptionEnd(
            success: true, subscriptionId: cancellation.subscriptionId ?? first, status: view.status.rawValue,
            cancelAt: view.cancelAt)
    }

    /// Reads a subscription at the provider again, for an administrator.
    /// - Throws: `not-found`.
    func synchronise(_ id: String, scope: Scope) async throws(Problem) -> PlannerSubscriptionStart {
        guard ProviderObjectID.isValid(id) else { throw Problem(.notFound) }
        let view = try await subscriptions.synchronise(id, scope: scope)
        return PlannerSubscriptionStart(
            success: true, subscriptionId: view.id.text, stripeSubscriptionId: id, status: view.status.rawValue)
    }
}

extension Problem.Kind {
    static let unsupportedPlan = Self("unsupported-plan", "This plan cannot be bought", status: 400)
}
