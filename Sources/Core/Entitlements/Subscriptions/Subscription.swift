import Identity
package import Modules

/// An organisation's subscription to a plan, from the first payment or trial to its end.
///
/// | status | entered by | left by | access |
/// |---|---|---|---|
/// | incomplete | a first payment that is not complete | `activate`, `cancel` | none |
/// | trialing | a trial | `activate`, `change`, `pause`, `cancel`, the trial's end | full until the trial ends |
/// | active | a plan without payment, `activate` | `fail`, `pause`, `cancel` | full to 7 days after `paidThrough` |
/// | past_due | a renewal that failed | `activate`, `markUnpaid`, `cancel` | full in the grace period, then reduced |
/// | unpaid | `markUnpaid` | `activate`, `cancel` | none |
/// | paused | `pause` | `activate`, `cancel` | none |
/// | canceled, incomplete_expired | cancellation, the trial's end | nothing | until the paid period ends |
///
/// Access follows from the status, the grace period and the paid period, not from the type of an event
/// (``access(at:)``).
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
    /// Increases with every change of the organisation's subscriptions, as the row was read.
    private(set) var version: Int64 = 1

    /// How long access stays full after a failed renewal.
    static let grace: Duration = .days(7)

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

    /// Whether a payment covers the present time.
    func isPaid(at now: Instant) -> Bool { paidThrough.map { now < $0 } ?? false }

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
        (nextPlan, nextPlanAt, nextCycle, cancelAt) = (nil, nil, nil, nil)
    }

    /// Changes the plan with the next period.
    /// - Parameter cycle: from then on; nil keeps the current one.
    mutating func schedule(_ plan: Plan.ID, cycle: Cycle? = nil, at now: Instant) throws(Problem) {
        try requireLive("change")
        guard status != .trialing else { throw Self.refusal("A trial has no next period: start the plan instead.") }
        nextPlan = plan
        nextPlanAt = Period(anchor: anchor, every: self.cycle, containing: now).end
        nextCycle = cycle
    }

    /// Ends the subscription, now or with the period.
    mutating func cancel(immediately: Bool, at now: Instant) throws(Problem) {
        try requireLive("cancel")
        if immediately || status == .trialing || status == .incomplete || access(at: now) == .none {
            status = .canceled
            paidThrough = nil
        } else {
            cancelAt = Period(anchor: anchor, every: cycle, containing: now).end
        }
        (nextPlan, nextPlanAt, nextCycle) = (nil, nil, nil)
    }

    /// Revokes a cancellation before the period ends.
    mutating func resume(at now: Instant) throws(Problem) {
        guard !status.isFinal, let end = cancelAt, now < end else {
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

    /// Records a payment for the time up to `end`.
    mutating func activate(paidThrough end: Instant, at now: Instant) throws(Problem) {
        guard status != .incompleteExpired, status != .canceled else {
            throw Self.refusal("The subscription has ended.")
        }
        if status == .trialing || status == .incomplete {
            anchor = now
            trialEndsAt = nil
        }
        status = .active
        paidThrough = max(end, paidThrough ?? end)
        graceUntil = nil
    }

    /// Records a failed renewal; access stays full for the grace period.
    mutating func fail(at now: Instant) throws(Problem) {
        guard status == .active || status == .pastDue else { throw Self.refusal("No payment is due.") }
        status = .pastDue
        graceUntil = graceUntil ?? now + Self.grace
    }

    /// Records that all payment attempts have failed.
    mutating func markUnpaid() throws(Problem) {
        guard status == .pastDue else { throw Self.refusal("No payment is due.") }
        status = .unpaid
    }

    mutating func pause() throws(Problem) {
        guard status == .trialing || status == .active else {
            throw Self.refusal("Only an active subscription or a trial can be paused.")
        }
        status = .paused
    }

    /// Applies changes that are due: the end of a trial or of a cancelled period, and a scheduled plan.
    /// - Returns: whether anything changed.
    mutating func settle(at now: Instant) -> Bool {
        let before = self
        if let next = nextPlan, let since = nextPlanAt, now >= since {
            (plan, planSince, cycle) = (next, since, nextCycle ?? cycle)
            (nextPlan, nextPlanAt, nextCycle) = (nil, nil, nil)
        }
        if status == .trialing, let trialEndsAt, now >= trialEndsAt { status = .canceled }
        if !status.isFinal, let cancelAt, now >= cancelAt { status = .canceled }
        return self != before
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
        version = try row["version"]
    }
}

extension Problem.Kind {
    package static let subscriptionState = Self(
        "subscription-state", "The subscription does not allow this", status: 409)
}
