import Audit
package import Identity
package import Modules

/// Starts, changes, ends and lists subscriptions. The caller's role is checked again in each transaction.
package final class SubscriptionService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let entitlements: EntitlementCache
    private let credits: CreditService
    private let retention: RetainedUsageService
    private let audit: AuditService
    private let events: SubscriptionEvents
    private let runtime: Runtime

    init(
        database: any Database, plans: PlanCatalog, entitlements: EntitlementCache, credits: CreditService,
        retention: RetainedUsageService, audit: AuditService, events: SubscriptionEvents, runtime: Runtime
    ) {
        self.database = database
        self.plans = plans
        self.entitlements = entitlements
        self.credits = credits
        self.retention = retention
        self.audit = audit
        self.events = events
        self.runtime = runtime
    }

    /// Starts a plan that needs no payment.
    /// - Throws: `validation-failed`; `plan-not-found`; `payment-required` for any other plan; `already-subscribed`;
    ///   what ``FreePlanStart`` throws.
    package func start(_ choice: some PlanSelection, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(choice)
        guard plan.start == .anyone else { throw Self.paymentRequired(plan) }
        let cycle = try cycle(choice, of: plan) ?? .monthly
        return try await database.write { [self] transaction in
            try transaction.authority(of: scope, Self.payers)
            let anchor = try retention.anchor(
                for: plan, of: scope.organisation, person: scope.person, in: transaction)
            let subscription = Subscription(
                id: runtime.id(), organisation: scope.organisation, plan: plan.id, cycle: cycle, anchor: anchor,
                at: transaction.now)
            guard try transaction.insert(subscription) else {
                let current = try transaction.subscription(of: scope.organisation)
                throw Problem(.alreadySubscribed, detail: current?.unpaidAttempt)
            }
            try FreePlanStart.take(by: scope, in: transaction)
            try record("subscription.started", subscription, by: scope, ["plan": plan.id.text], in: transaction)
            return try view(subscription, at: transaction.now)
        }
    }

    /// Changes to a plan that needs no payment, at once.
    /// - Throws: `validation-failed`, `plan-not-found`, `payment-required`, `subscription-state`; what
    ///   ``FreePlanStart`` throws.
    package func upgrade(_ choice: some PlanSelection, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(choice)
        guard plan.start == .anyone else { throw Self.paymentRequired(plan) }
        let cycle = try cycle(choice, of: plan)
        return try await change(
            "subscription.upgraded", of: scope.organisation, by: scope, ["plan": plan.id.text],
            taking: { try FreePlanStart.take(by: scope, in: $0) }
        ) { subscription, now in
            try subscription.change(to: plan.id, cycle: cycle, at: now)
        }
    }

    /// Changes to a smaller plan that needs no payment, with the next period.
    /// - Throws: `validation-failed`, `plan-not-found`, `subscription-state`; `conflict` for a plan that is not
    ///   smaller, and for one that the caller could not start.
    package func downgrade(_ choice: some PlanSelection, scope: Scope) async throws(Problem) -> SubscriptionView {
        let plan = try plan(choice)
        let cycle = try cycle(choice, of: plan)
        let ranks = plans.current
        return try await change(
            "subscription.downgrade-scheduled", of: scope.organisation, by: scope, ["plan": plan.id.text]
        ) { subscription, now in
            guard let wanted = ranks.rank(of: plan.id), let current = ranks.rank(of: subscription.plan(at: now).id),
                wanted < current
            else {
                throw Problem(
                    .conflict,
                    detail:
                        "\(plan.name) is not smaller than the current plan: "
                        + "POST /v1/payments/upgrade changes to it at once."
                )
            }
            guard plan.start == .anyone else {
                throw Problem(.conflict, detail: Self.wayToStart(plan), members: ["plan": .string(plan.name)])
            }
            try subscription.schedule(plan.id, cycle: cycle, at: now)
        }
    }

    /// Ends the subscription, now or with the period.
    /// - Throws: `subscription-state`.
    package func cancel(_ cancellation: Cancellation, scope: Scope) async throws(Problem) -> SubscriptionView {
        try await change(
            "subscription.cancelled", of: scope.organisation, by: scope,
            ["immediate": "\(cancellation.immediate ?? false)"]
        ) { subscription, now in
            try subscription.cancel(immediately: cancellation.immediate ?? false, at: now)
        }
    }

    /// Revokes a cancellation before it takes effect.
    /// - Throws: `subscription-state`.
    package func resume(scope: Scope) async throws(Problem) -> SubscriptionView {
        try await change("subscription.resumed", of: scope.organisation, by: scope, [:]) { try $0.resume(at: $1) }
    }

    /// Sets the plan of an account, now or with the next period. The usage of the period is kept; a plan that is paid
    /// for starts a first period where there is no subscription or a trial.
    /// - Throws: `validation-failed`, `plan-not-found`, `not-found` for an unknown account, `subscription-state`.
    func adjust(_ adjustment: Adjustment, scope: Scope, person: ID<Person>) async throws(Problem) -> SubscriptionView {
        let plan = try plan(adjustment)
        let cycle = try cycle(adjustment, of: plan)
        let isLater = adjustment.takesEffect == .periodEnd
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let organisation = try transaction.requirePersonalOrganisation(of: person)
            let now = transaction.now
            let anchor =
                plan.needsNoPayment
                ? try retention.anchor(for: plan, of: organisation, person: person, in: transaction) : nil
            let new = Subscription(
                id: runtime.id(), organisation: organisation, plan: plan.id, cycle: cycle ?? .monthly, anchor: anchor,
                at: now)
            var subscription = new
            if try !transaction.insert(new), let current = try transaction.lockedSubscription(of: organisation) {
                subscription = current
                try subscription.requireUnbilled()
                if isLater {
                    try subscription.schedule(plan.id, cycle: cycle, at: now)
                } else {
                    try subscription.change(
                        to: plan.id, cycle: cycle, startsPeriod: !plan.needsNoPayment, at: now)
                }
                try transaction.update(subscription)
                try credits.adjustTrialCredits(to: subscription, in: transaction)
            }
            let details = ["plan": plan.id.text, "person": person.text, "takes_effect": isLater ? "period_end" : "now"]
            try record("subscription.adjusted", subscription, by: scope, details, in: transaction)
            return try view(subscription, at: now)
        }
    }

    /// Extends a trial, also one that has ended.
    /// - Throws: `not-found` for an unknown account, `subscription-state`.
    func extendTrial(_ trialExtension: TrialExtension, scope: Scope, person: ID<Person>) async throws(Problem)
        -> SubscriptionView
    {
        let organisation = try await database.read { try $0.requirePersonalOrganisation(of: person) }
        let days = trialExtension.days
        return try await change(
            "subscription.trial-extended", of: organisation, by: scope, ["days": "\(days)"],
            requiring: { try $0.requireCaller(scope, as: .admin) }
        ) { subscription, now in
            try subscription.extendTrial(by: days, at: now)
        }
    }

    func current(_ snapshot: EntitlementSnapshot) throws -> SubscriptionView {
        try view(snapshot.subscription, at: snapshot.readAt)
    }

    /// - Throws: `not-found` for an unknown account or one that never had a subscription.
    func of(_ person: ID<Person>) async throws(Problem) -> SubscriptionView {
        try await database.read { [self] transaction in
            let organisation = try transaction.requirePersonalOrganisation(of: person)
            guard let subscription = try transaction.subscription(of: organisation) else {
                throw Problem(.notFound, detail: "This account never had a subscription.")
            }
            return try view(subscription, at: transaction.now)
        }
    }

    func list(status: Subscription.Status?, plan: String?, limit: Int, offset: Int) async throws(Problem)
        -> Page<AccountSubscription>
    {
        try await database.read { [self] transaction in
            let (rows, total) = try transaction.subscriptions(
                status: status, plan: plan.map(Plan.ID.init), limit: limit, offset: offset)
            return Page(
                data: try rows.map {
                    AccountSubscription(
                        userId: $0.person, subscription: try view($0.subscription, at: transaction.now))
                },
                total: total,
                limit: limit,
                offset: offset
            )
        }
    }

    // MARK: Shared

    /// The roles of an organisation that change its plan, as the routes require them.
    package static let payers: [OrganisationRole] = [.owner, .admin]

    /// - Parameter require: what the caller must be; by default one of ``payers``.
    private func change(
        _ action: String,
        of organisation: ID<Organisation>,
        by scope: Scope,
        _ details: [String: String],
        requiring require: (@Sendable (Transaction) throws -> Void)? = nil,
        taking take: @escaping @Sendable (Transaction) throws -> Void = { _ in },
        _ transition: @escaping @Sendable (inout Subscription, Instant) throws -> Void
    ) async throws(Problem) -> SubscriptionView {
        try await database.write { [self] transaction in
            // The subscription is locked before the organisation, as by the work that it pays for.
            try transaction.requireCaller(scope)
            guard var subscription = try transaction.lockedSubscription(of: organisation) else {
                throw Problem(
                    .subscriptionState, detail: "There is no subscription yet: POST /v1/payments/subscribe starts one.")
            }
            if let require { try require(transaction) } else { try transaction.authority(of: scope, Self.payers) }
            _ = subscription.settle(at: transaction.now)
            try subscription.requireUnbilled()
            try transition(&subscription, transaction.now)
            try take(transaction)
            try transaction.update(subscription)
            try credits.adjustTrialCredits(to: subscription, in: transaction)
            try record(action, subscription, by: scope, details, in: transaction)
            return try view(subscription, at: transaction.now)
        }
    }

    private func plan(_ selection: some PlanSelection) throws(Problem) -> Plan { try plans.current.plan(selection) }

    /// The cycle to set: a plan without payment is always monthly.
    /// - Returns: nil where the current cycle stays.
    /// - Throws: `validation-failed` for a yearly cycle of a plan without payment.
    private func cycle(_ selection: some PlanSelection, of plan: Plan) throws(Problem) -> Cycle? {
        let selected = try selection.selectedCycle()
        guard plan.needsNoPayment else { return selected?.cycle }
        if let selected, selected.cycle != .monthly {
            throw Problem.invalid("/\(selected.name)", "is monthly for the plan \(plan.name), which is not paid for")
        }
        return .monthly
    }

    func view(_ subscription: Subscription, at now: Instant) throws -> SubscriptionView {
        let (id, since) = subscription.plan(at: now)
        let period = subscription.period(at: now)
        guard let plan = plans.terms(of: id, from: max(since, period.start)) else {
            throw Problem(.planNotFound, detail: "The plan '\(id.text)' does not exist any more.")
        }
        return SubscriptionView(plan, subscription, period, at: now)
    }

    /// Records a change that the transaction has written.
    private func record(
        _ action: String,
        _ subscription: Subscription,
        by scope: Scope,
        _ details: [String: String],
        in transaction: Transaction
    ) throws {
        entitlements.invalidate(subscription.organisation, after: transaction)
        try audit.record(
            AuditEvent(
                action, by: scope, in: subscription.organisation, subject: subscription.id.text, details: details),
            in: transaction)
        try events.updated(subscription, by: action, in: transaction)
    }

    private static func paymentRequired(_ plan: Plan) -> Problem {
        Problem(.paymentRequired, detail: wayToStart(plan), members: ["plan": .string(plan.name)])
    }

    private static func wayToStart(_ plan: Plan) -> String {
        let way =
            switch plan.start {
            case .trial: "is started by verifying an e-mail address, once."
            case .payment: "must be paid for."
            case .administrator, .anyone: "is started by an administrator."
            }
        return "\(plan.name) \(way)"
    }
}

extension PlanSet {
    /// The plan that a body names.
    /// - Throws: `validation-failed`, `plan-not-found`.
    package func plan(_ selection: some PlanSelection) throws(Problem) -> Plan {
        let id = try selection.selectedPlan()
        guard let plan = self[Plan.ID(id)] else {
            throw Problem(.planNotFound, detail: "The plans are: \(plans.map(\.id.text).joined(separator: ", ")).")
        }
        return plan
    }
}

extension Problem.Kind {
    package static let planNotFound = Self("plan-not-found", "There is no such plan", status: 404)
    package static let paymentRequired = Self("payment-required", "This plan must be paid for", status: 402)
    package static let alreadySubscribed = Self(
        "already-subscribed", "There is an active subscription already", status: 409)
}
