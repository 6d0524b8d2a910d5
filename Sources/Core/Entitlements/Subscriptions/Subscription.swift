import Identity
package import Modules

/// An organisation's subscription to a plan, from the first payment or trial to its end.
///
/// | status | entered by | left by | access |
/// |---|---|---|---|
/// | incomplete | a first payment that is not complete | the payment; 23 hours; `cancel` | none |
/// | trialing | a trial | `change`, a payment, `cancel`, the trial's end | full until the trial ends |
/// | active | a plan without payment, a payment | a failed renewal, `cancel` | full to 7 days after `paidThrough` |
/// | past_due | a renewal that failed | a payment, the last attempt, `cancel` | full for the grace, then reduced |
/// | unpaid | the last attempt to collect | a payment, `cancel` | none |
/// | paused | a pause at the provider | its end, `cancel` | none |
/// | canceled, incomplete_expired | cancellation, the trial's end | nothing | until the paid period ends |
///
/// A subscription that is billed follows the payment provider: ``apply(_:of:at:)``. Access follows from the status, the
/// grace period and the paid period, not from the type of an event (``access(at:)``).
package struct Subscription: Sendable, Hashable {
    package enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case incomplete, trialing, active
        case incompleteExpired = "incomplete_expired"
        case pastDue = "past_due"
        case unpaid, paused, canceled

        /// No transition leaves this status; another subscription may start.
        package var isFinal: Bool { self == .canceled || self == .incompleteExpired }
    }

    package enum Access: Sendable, Hashable { case full, reduced, none }

    let id: ID<Subscription>
    let organisation: ID<Organisation>
    private(set) var plan: Plan.ID
    /// When this plan took effect: its terms of that moment apply until the period ends.
    private(set) var planSince: Instant
    private(set) var cycle: Cycle
    private(set) var status: Status
    /// The start of the first period. A change of plan keeps it, and so does a later subscription without payment: the
    /// usage of the period continues.
    private(set) var anchor: Instant
    private(set) var trialEndsAt: Instant?
    /// Nil for a plan without payment.
    private(set) var paidThrough: Instant?
    private(set) var graceUntil: Instant?
    /// The end of the period in which it was cancelled.
    private(set) var cancelAt: Instant?
    /// The plan from the next period on, after a downgrade.
    private(set) var nextPlan: Plan.ID?
    private(set) var nextPlanAt: Instant?
    /// The cycle of the next plan; nil keeps the current one.
    private(set) var nextCycle: Cycle?
    /// Whether the provider bills the next plan, as it bills this one.
    private(set) var nextIsBilled = false
    /// The number of the change at the provider that has scheduled the next plan; nil where none has.
    private(set) var nextChange: Int64?
    /// ``BillingState/reference`` of what pays for it; nil for a subscription that is not billed.
    private(set) var billingReference: String?
    /// Increases with every change of the organisation's subscriptions, as the row was read.
    private(set) var version: Int64 = 1

    /// How long access stays full after what was paid for.
    static let grace: Duration = .days(7)
    /// How long a first payment may take.
    static let firstPaymentLimit: Duration = .hours(23)

    /// A subscription to a plan without payment, or one that an administrator sets.
    /// - Parameter anchor: that of the organisation's earlier subscription, whose period and usage continue; nil starts
    ///   a first period now.
    init(
        id: ID<Subscription>, organisation: ID<Organisation>, plan: Plan.ID, cycle: Cycle = .monthly,
        anchor: Instant? = nil, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.plan = plan
        self.cycle = cycle
        planSince = now
        self.anchor = anchor ?? now
        status = .active
    }

    /// A trial subscription.
    init(
        id: ID<Subscription>, organisation: ID<Organisation>, trialOf plan: Plan.ID, days: Int64,
        anchor: Instant? = nil, at now: Instant
    ) {
        self.init(id: id, organisation: organisation, plan: plan, anchor: anchor, at: now)
        status = .trialing
        trialEndsAt = now + .days(days)
    }

    /// A subscription whose first payment is not complete.
    init(
        id: ID<Subscription>, organisation: ID<Organisation>, billedBy state: BillingState, at now: Instant
    ) {
        self.init(
            id: id, organisation: organisation, plan: state.plan, cycle: state.cycle, anchor: state.anchor, at: now)
        status = .incomplete
        billingReference = state.reference
    }

    // MARK: Access

    /// The access now. It does not depend on whether ``settle(at:)`` has written a change that is due.
    func access(at now: Instant) -> Access {
        switch status {
        case .trialing: trialEndsAt.map { now < $0 } == true ? .full : .none
        case .active:
            if let cancelAt, now >= cancelAt {
                .none
            } else if let paidThrough, now >= paidThrough + Self.grace {
                .reduced
            } else {
                .full
            }
        case .pastDue: graceUntil.map { now < $0 } == true ? .full : .reduced
        case .canceled: paidThrough.map { now < $0 } == true ? .full : .none
        case .incomplete, .incompleteExpired, .unpaid, .paused: .none
        }
    }

    /// The month whose units count now. Where the renewal is not paid yet, that is the last month that was paid for: a
    /// further one begins with its payment.
    func period(at now: Instant) -> Period {
        guard let paidThrough, billingReference != nil, now >= paidThrough, access(at: now) == .full else {
            return Period(anchor: anchor, containing: now)
        }
        let last = Period(anchor: anchor, containing: paidThrough - .microseconds(1))
        return Period(start: last.start, end: max(last.end, paidThrough + Self.grace))
    }

    /// The plan that applies now, and since when.
    func plan(at now: Instant) -> (id: Plan.ID, since: Instant) {
        if let nextPlan, let nextPlanAt, now >= nextPlanAt { (nextPlan, nextPlanAt) } else { (plan, planSince) }
    }

    /// When access, plan or status next change by themselves; nil where they do not.
    func nextChange(after now: Instant) -> Instant? {
        let moments = [
            trialEndsAt, paidThrough, paidThrough.map { $0 + Self.grace }, graceUntil, cancelAt, nextPlanAt,
        ]
        return moments.compactMap { $0 }.filter { $0 > now }.min()
    }

    private func isPaid(at now: Instant) -> Bool { paidThrough.map { now < $0 } ?? false }

    /// Whether the provider bills it.
    var isBilled: Bool { billingReference != nil }

    // MARK: Transitions

    /// Changes the plan now. A trial ends; the period and its usage continue.
    /// - Parameter startsPeriod: whether a trial's end starts a first period, as for a plan that is paid for.
    mutating func change(to plan: Plan.ID, cycle: Cycle? = nil, startsPeriod: Bool = false, at now: Instant)
        throws(Problem)
    {
        try requireLive("change")
        if status == .trialing {
            status = .active
            trialEndsAt = nil
            if startsPeriod { anchor = now }
        }
        self.plan = plan
        self.cycle = cycle ?? self.cycle
        planSince = now
        cancelAt = nil
        if isGranted { paidThrough = nil }
        unschedule()
    }

    /// Changes the plan with the next period.
    /// - Parameters:
    ///   - cycle: from then on; nil keeps the current one.
    ///   - isBilled: whether the provider bills that plan.
    ///   - change: the number of the change at the provider.
    mutating func schedule(
        _ plan: Plan.ID, cycle: Cycle? = nil, isBilled: Bool = false, by change: Int64? = nil, at now: Instant
    ) throws(Problem) {
        try requireLive("change")
        guard status != .trialing else { throw Self.refusal("A trial has no next period: start the plan instead.") }
        nextPlan = plan
        nextPlanAt = periodEnd(at: now)
        nextCycle = cycle
        nextIsBilled = isBilled
        nextChange = change
    }

    /// Revokes ``schedule(_:cycle:isBilled:by:at:)``.
    mutating func unschedule() {
        (nextPlan, nextPlanAt, nextCycle, nextIsBilled, nextChange) = (nil, nil, nil, false, nil)
    }

    /// Revokes what this change at the provider, or an earlier one, has scheduled. What a later one has, stays.
    mutating func unschedule(upTo change: Int64) {
        if nextChange.map({ $0 <= change }) ?? true { unschedule() }
    }

    /// The end of what is paid for, else of the period.
    private func periodEnd(at now: Instant) -> Instant {
        if let paidThrough, now < paidThrough { return paidThrough }
        return Period(anchor: anchor, every: cycle, containing: now).end
    }

    /// Gives the plan until a moment, as an access code does. A trial ends.
    mutating func grant(_ plan: Plan.ID, until end: Instant, at now: Instant) throws(Problem) {
        guard !isBilled else { throw Self.refusal("The subscription is paid for: it has to end first.") }
        try change(to: plan, cycle: .monthly, startsPeriod: true, at: now)
        status = .active
        (paidThrough, cancelAt) = (end, end)
    }

    /// Whether the plan was given until a moment, ``paidThrough``: nothing renews it.
    private var isGranted: Bool { !isBilled && paidThrough != nil }

    /// Ends the subscription, now or with the period.
    mutating func cancel(immediately: Bool, at now: Instant) throws(Problem) {
        try requireLive("cancel")
        if immediately || status == .trialing || status == .incomplete || access(at: now) == .none {
            status = .canceled
            paidThrough = nil
        } else {
            cancelAt = periodEnd(at: now)
        }
        unschedule()
    }

    /// Revokes a cancellation before the period ends.
    mutating func resume(at now: Instant) throws(Problem) {
        guard !status.isFinal, let end = cancelAt, now < end, !isGranted else {
            throw Self.refusal("There is no cancellation to revoke.")
        }
        cancelAt = nil
    }

    mutating func extendTrial(by days: Int64, at now: Instant) throws(Problem) {
        guard status == .trialing || status == .canceled, let end = trialEndsAt else {
            throw Self.refusal("There is no trial to extend.")
        }
        status = .trialing
        trialEndsAt = max(end, now) + .days(days)
    }

    /// Takes the state of the subscription that the provider bills. It replaces a trial, and a plan without payment,
    /// once it is paid; before that, and after it has ended, it changes nothing of them.
    /// - Parameter plans: which plan is smaller than another.
    /// - Returns: whether anything changed.
    mutating func apply(_ state: BillingState, of plans: PlanSet, at now: Instant) -> Bool {
        let before = self
        let isPaidAlready = billingReference.map { $0 == state.reference || isPaid(at: now) } ?? false
        if !isPaidAlready, !status.isFinal, state.isPaid(at: now) { begin(state, at: now) }
        guard billingReference == state.reference, !status.isFinal else { return false }
        let isFirstPayment = status == .incomplete && paidThrough == nil && state.paidThrough != nil
        if isFirstPayment { anchor = state.anchor }
        if let end = state.paidThrough { paidThrough = max(end, paidThrough ?? end) }
        if nextPlan != nil, !nextIsBilled, let paidThrough { nextPlanAt = max(paidThrough, nextPlanAt ?? paidThrough) }
        switch state.status {
        case .canceled: end(at: state.endedAt ?? now, now: now)
        case .none: status = .unpaid
        // The invoice decides what is paid; it may be read later than the subscription.
        case .active where paidThrough == nil, .pastDue where paidThrough == nil: status = .incomplete
        case .some(let other): status = other
        }
        guard billingReference != nil, !status.isFinal else { return self != before }
        trialEndsAt = status == .trialing ? state.trialEndsAt ?? now : nil
        graceUntil = status == .pastDue ? paidThrough.map { $0 + Self.grace } : nil
        takePlan(of: state, of: plans, isFirstPayment: isFirstPayment, at: now)
        // A plan without payment follows instead of the end.
        cancelAt = nextPlan != nil && !nextIsBilled ? nil : state.cancelAt
        return self != before
    }

    /// Ends what was paid for in advance earlier, because the payment of its last period was returned.
    mutating func shorten(to end: Instant, at now: Instant) {
        paidThrough = paidThrough.map { min($0, end) }
        if now >= end { status = .canceled } else { cancelAt = end }
    }

    private mutating func begin(_ state: BillingState, at now: Instant) {
        billingReference = state.reference
        (plan, planSince, cycle, anchor) = (state.plan, now, state.cycle, state.anchor)
        (paidThrough, graceUntil, cancelAt) = (nil, nil, nil)
        unschedule()
    }

    /// A smaller plan is billed from its request on and takes effect with the next period: what is paid for stays until
    /// then, whichever response of the provider, or event, comes late. Any other change of the billed plan takes effect
    /// at once.
    private mutating func takePlan(of state: BillingState, of plans: PlanSet, isFirstPayment: Bool, at now: Instant) {
        if let nextPlan, nextIsBilled, nextPlan == state.plan {
            guard let nextPlanAt, now >= nextPlanAt else { return }
            _ = settle(at: now)
        }
        guard state.plan != plan || state.cycle != cycle || isFirstPayment else { return }
        if !isFirstPayment, isPaid(at: now), plans.isSmaller(state.plan, than: plan) {
            // A plan without payment that is to follow ends what the provider bills, at whichever price.
            guard nextPlan == nil || nextIsBilled else { return }
            (nextPlan, nextPlanAt, nextCycle) = (state.plan, periodEnd(at: now), state.cycle)
            (nextIsBilled, nextChange) = (true, nil)
            return
        }
        // A plan without payment still follows: it was asked for after the change.
        if state.plan != plan, nextIsBilled { unschedule() }
        (plan, planSince, cycle) = (state.plan, now, state.cycle)
    }

    /// The end of the billed subscription: of this one, or of what was paid for, where a plan without payment follows.
    private mutating func end(at end: Instant, now: Instant) {
        guard let nextPlan, !nextIsBilled else {
            status = .canceled
            paidThrough = paidThrough.map { min($0, end) }
            return
        }
        continueUnbilled(nextPlan, since: min(now, nextPlanAt ?? now))
    }

    private mutating func continueUnbilled(_ next: Plan.ID, since: Instant) {
        (plan, planSince, cycle) = (next, since, nextCycle ?? .monthly)
        (status, billingReference, paidThrough) = (.active, nil, nil)
        (trialEndsAt, graceUntil, cancelAt) = (nil, nil, nil)
        unschedule()
    }

    /// Applies changes that are due: the end of a trial, of a cancelled period and of the time for a first payment,
    /// and a scheduled plan.
    /// - Returns: whether anything changed.
    mutating func settle(at now: Instant) -> Bool {
        let before = self
        if let next = nextPlan, let since = nextPlanAt, now >= since {
            if isBilled, !nextIsBilled {
                continueUnbilled(next, since: since)
            } else {
                (plan, planSince, cycle) = (next, since, nextCycle ?? cycle)
                unschedule()
            }
        }
        if status == .trialing, !isBilled, let trialEndsAt, now >= trialEndsAt { status = .canceled }
        if status == .incomplete, now >= planSince + Self.firstPaymentLimit { status = .incompleteExpired }
        if !status.isFinal, let cancelAt, now >= cancelAt { status = .canceled }
        return self != before
    }

    /// - Throws: `subscription-state` where the provider bills it: it has to be changed there.
    func requireUnbilled() throws(Problem) {
        guard isBilled, !status.isFinal else { return }
        throw Self.refusal(unpaidAttempt ?? "The subscription is billed by the payment provider.")
    }

    /// What a client can do where nothing is in the way but a first payment that is not complete; nil otherwise.
    var unpaidAttempt: String? {
        status == .incomplete
            ? "A first payment is not complete: POST /v1/payments/cancel-subscription gives it up." : nil
    }

    private func requireLive(_ what: String) throws(Problem) {
        if status.isFinal { throw Self.refusal("The subscription has ended; there is nothing to \(what).") }
    }

    private static func refusal(_ detail: String) -> Problem { Problem(.subscriptionState, detail: detail) }
}

extension Subscription {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        plan = try row["plan_id"]
        planSince = try row["plan_since"]
        cycle = try row["cycle"]
        status = try row["status"]
        anchor = try row["anchor_at"]
        trialEndsAt = try row["trial_ends_at"]
        paidThrough = try row["paid_through"]
        graceUntil = try row["grace_until"]
        cancelAt = try row["cancel_at"]
        nextPlan = try row["next_plan_id"]
        nextPlanAt = try row["next_plan_at"]
        nextCycle = try row["next_cycle"]
        nextIsBilled = try row["next_is_billed"]
        nextChange = try row["next_change"]
        billingReference = try row["billing_reference"]
        version = try row["version"]
    }
}

extension Problem.Kind {
    package static let subscriptionState = Self(
        "subscription-state", "The subscription does not allow this", status: 409)
}
