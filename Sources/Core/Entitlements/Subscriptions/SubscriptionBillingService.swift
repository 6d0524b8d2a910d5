import Audit
package import Identity
package import Modules

/// Subscriptions that the payment provider bills. The module of payments calls it, in the transactions in which it
/// learns of them.
package final class SubscriptionBillingService: Sendable {
    /// How long access stays full after what was paid for.
    package static let grace = Subscription.grace

    private let subscriptions: SubscriptionService
    private let plans: PlanCatalog
    private let entitlements: EntitlementCache
    private let credits: CreditService
    private let audit: AuditService
    private let events: SubscriptionEvents
    private let runtime: Runtime

    init(
        subscriptions: SubscriptionService, plans: PlanCatalog, entitlements: EntitlementCache, credits: CreditService,
        audit: AuditService, events: SubscriptionEvents, runtime: Runtime
    ) {
        self.subscriptions = subscriptions
        self.plans = plans
        self.entitlements = entitlements
        self.credits = credits
        self.audit = audit
        self.events = events
        self.runtime = runtime
    }

    /// Begins a subscription whose first payment is not complete. A trial, or a plan without payment, stays until
    /// it is.
    /// - Throws: `already-subscribed` where an administrator or a code has given a plan that must be paid for.
    package func begin(_ state: BillingState, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        let subscription = Subscription(
            id: runtime.id(), organisation: organisation, billedBy: state, at: transaction.now)
        guard try !transaction.insert(subscription), try replaceable(in: organisation, transaction) == nil else {
            return
        }
        _ = try transaction.insert(subscription)
    }

    /// Whether a subscription that is paid for, or is to be, would take effect, as ``apply(_:to:in:)`` would apply it.
    /// The live one is locked.
    /// - Parameter reference: of the subscription; nil for a new one.
    /// - Returns: false where another one stays in effect, also one that a code or an administrator has given.
    package func isReplaceable(
        by reference: String?, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> Bool {
        let current = try transaction.lockedSubscription(of: organisation)
        if let reference, current?.billingReference == reference, current?.status.isFinal == false { return true }
        do {
            _ = try replaceable(in: organisation, transaction)
            return true
        } catch let problem as Problem where problem.kind == .alreadySubscribed {
            return false
        }
    }

    /// - Throws: `already-subscribed` as ``begin(_:of:in:)``.
    package func requireReplaceable(of organisation: ID<Organisation>, in transaction: Transaction) throws {
        _ = try replaceable(in: organisation, transaction)
    }

    /// The organisation's live subscription, which another one may replace: a trial, a plan without payment, or one
    /// whose first payment is not complete.
    /// - Returns: nil where it has ended.
    /// - Throws: `already-subscribed` for any other.
    private func replaceable(in organisation: ID<Organisation>, _ transaction: Transaction) throws -> Subscription? {
        guard let before = try transaction.lockedSubscription(of: organisation) else { return nil }
        var current = before
        _ = current.settle(at: transaction.now)
        guard !current.status.isFinal else {
            if current != before { try write(current, in: transaction) }
            return nil
        }
        let needsNoPayment = current.status == .trialing || plans.current[current.plan]?.needsNoPayment == true
        guard current.status == .incomplete || !current.isBilled && needsNoPayment else {
            throw Problem(.alreadySubscribed)
        }
        return before
    }

    private func write(_ subscription: Subscription, in transaction: Transaction) throws {
        try transaction.update(subscription)
        try credits.adjustTrialCredits(to: subscription, in: transaction)
        entitlements.invalidate(subscription.organisation, after: transaction)
    }

    /// Applies the provider's state to the organisation's subscription, and its limits with it. A paid one ends the
    /// trial in this transaction.
    /// - Returns: nil where nothing has changed.
    @discardableResult
    package func apply(_ state: BillingState, to organisation: ID<Organisation>, in transaction: Transaction) throws
        -> SubscriptionChange?
    {
        let now = transaction.now
        guard var subscription = try transaction.lockedSubscription(of: organisation), !subscription.status.isFinal
        else { return try start(state, of: organisation, in: transaction) }
        let before = subscription
        guard subscription.apply(state, of: plans.current, at: now) else { return nil }
        try write(subscription, in: transaction)
        return try changed(from: before, to: subscription, in: transaction)
    }

    /// Starts a subscription that was paid for where there is none, such as one that had ended here before its payment
    /// was known.
    private func start(_ state: BillingState, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> SubscriptionChange?
    {
        guard state.isPaid(at: transaction.now) else { return nil }
        var subscription = Subscription(
            id: runtime.id(), organisation: organisation, billedBy: state, at: transaction.now)
        _ = subscription.apply(state, of: plans.current, at: transaction.now)
        guard try transaction.insert(subscription) else { return nil }
        return try changed(from: nil, to: subscription, in: transaction)
    }

    /// Schedules a smaller plan for the end of what is paid for.
    /// - Parameters:
    ///   - reference: of the billed subscription.
    ///   - isBilled: whether the provider bills that plan too.
    ///   - number: of the change at the provider.
    package func schedule(
        _ plan: Plan.ID, isBilled: Bool, by number: Int64, after reference: String, of organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws {
        try change(reference, of: organisation, in: transaction) {
            try $0.schedule(plan, isBilled: isBilled, by: number, at: transaction.now)
        }
    }

    /// Revokes ``schedule(_:isBilled:by:after:of:in:)`` of a change, or of an earlier one.
    package func unschedule(
        upTo number: Int64, after reference: String, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        try change(reference, of: organisation, in: transaction) { $0.unschedule(upTo: number) }
    }

    /// Ends a subscription that was paid for in advance earlier than its last payment said: that was returned. Another
    /// subscription of the organisation stays as it is.
    /// - Parameter reference: of the subscription that was paid for.
    package func shorten(
        _ reference: String, to end: Instant, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        guard let before = try transaction.lockedSubscription(of: organisation), before.billingReference == reference,
            !before.status.isFinal
        else { return }
        var subscription = before
        subscription.shorten(to: end, at: transaction.now)
        guard subscription != before else { return }
        try write(subscription, in: transaction)
        _ = try changed(from: before, to: subscription, in: transaction)
    }

    /// Gives an organisation a plan until a moment, in place of a trial or a plan without payment, as an access code
    /// does.
    /// - Throws: `already-subscribed` where another plan is paid for, or was given.
    package func grant(
        _ plan: Plan, until end: Instant, to organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        var subscription = Subscription(
            id: runtime.id(), organisation: organisation, plan: plan.id, at: transaction.now)
        try subscription.grant(plan.id, until: end, at: transaction.now)
        if try !transaction.insert(subscription), let before = try replaceable(in: organisation, transaction) {
            guard before.status != .incomplete else {
                throw Problem(.alreadySubscribed, detail: before.unpaidAttempt)
            }
            subscription = before
            try subscription.grant(plan.id, until: end, at: transaction.now)
            try write(subscription, in: transaction)
            _ = try changed(from: before, to: subscription, in: transaction)
        } else {
            _ = try transaction.insert(subscription)
            _ = try changed(from: nil, to: subscription, in: transaction)
        }
    }

    /// The organisation's subscription as clients see it.
    /// - Returns: nil where it never had one.
    package func view(of organisation: ID<Organisation>, in transaction: Transaction) throws -> SubscriptionView? {
        try transaction.subscription(of: organisation).map { try subscriptions.view($0, at: transaction.now) }
    }

    /// What the organisation has and has used now.
    /// - Returns: nil without access.
    package func snapshot(of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> EntitlementSnapshot?
    {
        try plans.snapshot(of: organisation, in: transaction)
    }

    /// A subscription whose first payment is not complete, as clients see it.
    package func view(pending state: BillingState, of organisation: ID<Organisation>, at now: Instant) throws
        -> SubscriptionView
    {
        try subscriptions.view(
            Subscription(id: ID(trusted: state.reference), organisation: organisation, billedBy: state, at: now),
            at: now)
    }

    private func change(
        _ reference: String, of organisation: ID<Organisation>, in transaction: Transaction,
        _ body: (inout Subscription) throws -> Void
    ) throws {
        guard var subscription = try transaction.lockedSubscription(of: organisation),
            subscription.billingReference == reference, !subscription.status.isFinal
        else { return }
        let before = subscription
        _ = subscription.settle(at: transaction.now)
        try body(&subscription)
        if subscription != before { try write(subscription, in: transaction) }
    }

    private func changed(from before: Subscription?, to after: Subscription, in transaction: Transaction) throws
        -> SubscriptionChange
    {
        entitlements.invalidate(after.organisation, after: transaction)
        let change = SubscriptionChange(
            previousStatus: before?.status, status: after.status, previousPlan: before?.plan, plan: after.plan,
            endsTrial: before?.status == .trialing && after.status != .trialing, graceUntil: after.graceUntil)
        if change.isNoted {
            let details = ["plan": after.plan.text, "status": after.status.rawValue]
            try audit.record(
                AuditEvent(
                    change.action, organisation: after.organisation.text, subject: after.id.text, details: details),
                in: transaction)
        }
        try events.updated(after, by: change.action, in: transaction)
        return change
    }
}

/// What a state of the provider has changed.
package struct SubscriptionChange: Sendable, Hashable {
    /// Nil where there was no live subscription.
    package let previousStatus: Subscription.Status?
    package let status: Subscription.Status
    package let previousPlan: Plan.ID?
    package let plan: Plan.ID
    package let endsTrial: Bool
    package let graceUntil: Instant?

    /// Whether the plan is newly paid for: the first payment, also in place of a trial or a plan without payment.
    package var isStart: Bool {
        (status == .active || status == .pastDue) && (previousStatus.map { $0 == .incomplete } ?? true || endsTrial)
    }

    fileprivate var isNoted: Bool { previousStatus != status || previousPlan != plan }

    fileprivate var action: String {
        switch status {
        case .canceled, .incompleteExpired: "subscription.ended"
        case _ where isStart: "subscription.started"
        case _ where previousPlan != plan: "subscription.plan-changed"
        case .active, .trialing, .pastDue, .unpaid, .paused, .incomplete: "subscription.status-changed"
        }
    }
}
