import Audit
import Identity
package import Modules

/// The verbs of subscriptions: start one, change its plan, end it, look at it.
struct SubscriptionService: Sendable {
    let database: any Database
    let plans: PlanCatalog
    let credits: CreditService
    let audit: AuditService
    let runtime: Runtime

    /// Starts a plan that anybody may start.
    /// - Throws: `plan-not-found`; `payment-required` for a plan that costs; `already-subscribed`.
    func start(_ request: Subscribe, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        guard plan.start == .anyone else { throw Self.costs(plan) }
        return try await database.write { transaction in
            let subscription = Subscription(
                id: runtime.id(), organisation: scope.organisation, plan: plan.id, at: transaction.now)
            guard try transaction.insert(subscription) else { throw Problem(.alreadySubscribed) }
            try record("subscription.started", subscription, by: scope, ["plan": plan.id.text], in: transaction)
            return try view(subscription, at: transaction.now)
        }
    }

    /// Another plan at once: only such as need no payment.
    /// - Throws: `plan-not-found`, `payment-required`, `subscription-state`.
    func upgrade(_ request: PlanChoice, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        guard plan.start == .anyone else { throw Self.costs(plan) }
        return try await change("subscription.upgraded", of: scope.organisation, by: scope, ["plan": plan.id.text]) {
            subscription, now in
            try subscription.change(to: plan.id, cycle: request.cycle, at: now)
        }
    }

    /// A smaller plan from the next period on.
    /// - Throws: `plan-not-found`, `subscription-state`; `conflict` for a plan that is no smaller.
    func downgrade(_ request: PlanChoice, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        let ranks = plans.catalogue
        return try await change(
            "subscription.downgrade-scheduled", of: scope.organisation, by: scope, ["plan": plan.id.text]
        ) { subscription, now in
            guard let wanted = ranks.rank(of: plan.id), let present = ranks.rank(of: subscription.plan(at: now).id),
                wanted < present
            else {
                throw Problem(
                    .conflict,
                    detail:
                        "\(plan.name) is no smaller than the present plan: POST /v1/payments/upgrade changes to it at once."
                )
            }
            try subscription.schedule(plan.id, at: now)
        }
    }

    /// The end, now or with the period.
    /// - Throws: `subscription-state`.
    func cancel(_ request: Cancellation, scope: Scope) async throws(Problem) -> SubscriptionView {
        try await change(
            "subscription.cancelled", of: scope.organisation, by: scope, ["immediate": "\(request.immediate ?? false)"]
        ) { subscription, now in
            try subscription.cancel(immediately: request.immediate ?? false, at: now)
        }
    }

    /// Takes a cancellation back.
    /// - Throws: `subscription-state`.
    func resume(scope: Scope) async throws(Problem) -> SubscriptionView {
        try await change("subscription.resumed", of: scope.organisation, by: scope, [:]) { try $0.resume(at: $1) }
    }

    /// Puts somebody on a plan: at once, or from the next period on. What was used in the period stays used.
    /// - Throws: `plan-not-found`, `not-found` for an unknown account, `subscription-state`.
    func adjust(_ request: Adjustment, scope: Scope, person: ID<Person>) async throws(Problem) -> SubscriptionView {
        let plan = try plan(request.plan)
        let isLater = request.takesEffect == .periodEnd
        return try await database.write { transaction in
            let organisation = try self.organisation(of: person, in: transaction)
            let now = transaction.now
            let fresh = Subscription(
                id: runtime.id(), organisation: organisation, plan: plan.id, cycle: request.cycle ?? .monthly, at: now)
            var subscription = fresh
            if try !transaction.insert(fresh), let present = try transaction.lockedSubscription(of: organisation) {
                subscription = present
                if isLater {
                    try subscription.schedule(plan.id, at: now)
                } else {
                    try subscription.change(to: plan.id, cycle: request.cycle, at: now)
                }
                try transaction.update(subscription)
                try credits.follow(subscription, in: transaction)
            }
            let details = ["plan": plan.id.text, "person": person.text, "takes_effect": isLater ? "period_end" : "now"]
            try record("subscription.adjusted", subscription, by: scope, details, in: transaction)
            return try view(subscription, at: now)
        }
    }

    /// Some days more for a trial, also for one that has ended.
    /// - Throws: `not-found` for an unknown account, `subscription-state`.
    func extendTrial(_ request: TrialExtension, scope: Scope, person: ID<Person>) async throws(Problem)
        -> SubscriptionView
    {
        let organisation = try await database.read { try self.organisation(of: person, in: $0) }
        return try await change("subscription.trial-extended", of: organisation, by: scope, ["days": "\(request.days)"])
        { subscription, now in
            try subscription.extendTrial(by: request.days, at: now)
        }
    }

    func current(_ standing: EntitlementSnapshot) throws -> SubscriptionView {
        try view(standing.subscription, at: standing.readAt)
    }

    /// - Throws: `not-found` for an unknown account or one that never had a subscription.
    func of(_ person: ID<Person>) async throws(Problem) -> SubscriptionView {
        try await database.read { transaction in
            guard let subscription = try transaction.subscription(of: try organisation(of: person, in: transaction))
            else {
                throw Problem(.notFound, detail: "This account never had a subscription.")
            }
            return try view(subscription, at: transaction.now)
        }
    }

    func list(status: Subscription.Status?, plan: String?, limit: Int, offset: Int) async throws(Problem)
        -> SubscriptionPage
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.subscriptions(
                status: status, plan: plan.map(Plan.ID.init), limit: limit, offset: offset)
            return SubscriptionPage(
                data: try rows.map {
                    SubscriptionPage.Entry(
                        userId: $0.person, subscription: try view($0.subscription, at: transaction.now))
                },
                total: total,
                limit: limit,
                offset: offset
            )
        }
    }

    // MARK: What they share

    private func change(
        _ action: String,
        of organisation: ID<Organisation>,
        by scope: Scope,
        _ details: [String: String],
        _ move: @escaping @Sendable (inout Subscription, Instant) throws -> Void
    ) async throws(Problem) -> SubscriptionView {
        try await database.write { transaction in
            guard var subscription = try transaction.lockedSubscription(of: organisation) else {
                throw Problem(
                    .subscriptionState, detail: "There is no subscription yet: POST /v1/payments/subscribe starts one.")
            }
            _ = subscription.settle(at: transaction.now)
            try move(&subscription, transaction.now)
            try transaction.update(subscription)
            try credits.follow(subscription, in: transaction)
            try record(action, subscription, by: scope, details, in: transaction)
            return try view(subscription, at: transaction.now)
        }
    }

    private func plan(_ id: String) throws(Problem) -> Plan {
        let catalogue = plans.catalogue
        guard let plan = catalogue[Plan.ID(id)] else {
            throw Problem(
                .planNotFound, detail: "The plans are: \(catalogue.plans.map(\.id.text).joined(separator: ", ")).")
        }
        return plan
    }

    private func organisation(of person: ID<Person>, in transaction: Transaction) throws -> ID<Organisation> {
        guard let organisation = try transaction.personalOrganisation(of: person) else {
            throw Problem(.notFound, detail: "There is no such account.")
        }
        return organisation
    }

    private func view(_ subscription: Subscription, at now: Instant) throws -> SubscriptionView {
        let (id, since) = subscription.plan(at: now)
        let period = Period(anchor: subscription.anchor, containing: now)
        guard let plan = plans.terms(of: id, from: max(since, period.start)) else {
            throw Problem(.planNotFound, detail: "The plan '\(id.text)' is no more.")
        }
        return SubscriptionView(plan, subscription, period, at: now)
    }

    private func record(
        _ action: String,
        _ subscription: Subscription,
        by scope: Scope,
        _ details: [String: String],
        in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(
                action, by: scope, in: subscription.organisation, subject: subscription.id.text, details: details),
            in: transaction)
    }

    private static func costs(_ plan: Plan) -> Problem {
        let way =
            switch plan.start {
            case .trial: "is started by proving an e-mail address, once."
            case .payment: "has to be paid for."
            case .administrator, .anyone: "is started by an administrator."
            }
        return Problem(.paymentRequired, detail: "\(plan.name) \(way)", members: ["plan": .string(plan.name)])
    }
}

extension Problem.Kind {
    package static let planNotFound = Self("plan-not-found", "There is no such plan", status: 404)
    package static let paymentRequired = Self("payment-required", "This plan has to be paid for", status: 402)
    package static let alreadySubscribed = Self(
        "already-subscribed", "There is an active subscription already", status: 409)
}
