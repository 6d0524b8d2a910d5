import Identity
package import Modules

/// An organisation's right to a plan, and its life from the first payment or trial to its end.
///
/// | status | entered by | left by | access |
/// |---|---|---|---|
/// | incomplete | a first payment that is not through | `activate`, `expire` | none |
/// | trialing | `startTrial` | `activate`, the trial's end | full until the trial ends |
/// | active | a plan without payment, `activate` | `fail`, `cancel` | full until what is paid for ends |
/// | past_due | a renewal that failed | `activate`, `giveUp`, `cancel` | full within the grace, then reduced |
/// | unpaid | `giveUp` | `activate`, `cancel` | none |
/// | paused | `pause` | `activate`, `cancel` | none |
/// | canceled, incomplete_expired | their end | nothing | until what is paid for ends |
///
/// Access follows from status, grace and what is paid for, never from the name of an event (``access(at:)``).
package struct Subscription: Sendable, Hashable {
    package enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case incomplete, trialing, active
        case incompleteExpired = "incomplete_expired"
        case pastDue = "past_due"
        case unpaid, paused, canceled

        /// Nothing comes after it: another subscription may begin.
        package var isFinal: Bool { self == .canceled || self == .incompleteExpired }
    }

    package enum Access: Sendable, Hashable { case full, reduced, none }

    let id: ID<Subscription>
    let organisation: ID<Organisation>
    private(set) var plan: Plan.ID
    /// When it came to this plan: the terms of then hold until the period ends.
    private(set) var planSince: Instant
    private(set) var cycle: Cycle
    private(set) var status: Status
    /// The moment that its periods are counted from; it stays when the plan changes, and so does what was used.
    private(set) var anchor: Instant
    private(set) var trialEndsAt: Instant?
    /// Nil for a plan that costs nothing.
    private(set) var paidThrough: Instant?
    private(set) var graceUntil: Instant?
    /// The end of the period that it was cancelled in.
    private(set) var cancelAt: Instant?
    /// The plan of the next period, after a downgrade.
    private(set) var nextPlan: Plan.ID?
    private(set) var nextPlanAt: Instant?

    /// How long after a failed renewal everything goes on.
    static let grace: Duration = .days(7)

    /// A plan that costs nothing, or that an administrator gives.
    init(id: ID<Subscription>, organisation: ID<Organisation>, plan: Plan.ID, cycle: Cycle = .monthly, at now: Instant)
    {
        self.id = id
        self.organisation = organisation
        self.plan = plan
        self.cycle = cycle
        planSince = now
        anchor = now
        status = .active
    }

    /// A trial.
    init(id: ID<Subscription>, organisation: ID<Organisation>, trialOf plan: Plan.ID, days: Int64, at now: Instant) {
        self.init(id: id, organisation: organisation, plan: plan, at: now)
        status = .trialing
        trialEndsAt = now + .days(days)
    }

    // MARK: What holds

    /// What the organisation may do now, whether or not anybody has come by to write the change of status down.
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

    /// The plan that holds now, and since when it does.
    func plan(at now: Instant) -> (id: Plan.ID, since: Instant) {
        if let nextPlan, let nextPlanAt, now >= nextPlanAt { (nextPlan, nextPlanAt) } else { (plan, planSince) }
    }

    // MARK: Moves

    /// Another plan from now on; the period goes on, and what was used in it stays used. A trial ends with it, and a period begins.
    mutating func change(to plan: Plan.ID, cycle: Cycle? = nil, at now: Instant) throws(Problem) {
        try requireLive("change")
        if status == .trialing {
            status = .active
            trialEndsAt = nil
            anchor = now
        }
        self.plan = plan
        self.cycle = cycle ?? self.cycle
        planSince = now
        (nextPlan, nextPlanAt, cancelAt) = (nil, nil, nil)
    }

    /// Another plan from the next period on.
    mutating func schedule(_ plan: Plan.ID, at now: Instant) throws(Problem) {
        try requireLive("change")
        guard status != .trialing else { throw Self.refusal("A trial has no next period: start the plan instead.") }
        nextPlan = plan
        nextPlanAt = Period(anchor: anchor, every: cycle, containing: now).end
    }

    /// The end: now, or with the period.
    mutating func cancel(immediately: Bool, at now: Instant) throws(Problem) {
        try requireLive("cancel")
        if immediately || status == .trialing || status == .incomplete || access(at: now) == .none {
            status = .canceled
            paidThrough = nil
        } else {
            cancelAt = Period(anchor: anchor, every: cycle, containing: now).end
        }
        (nextPlan, nextPlanAt) = (nil, nil)
    }

    /// Takes a cancellation back while the period still runs.
    mutating func resume(at now: Instant) throws(Problem) {
        guard !status.isFinal, let end = cancelAt, now < end else {
            throw Self.refusal("There is no cancellation to take back.")
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

    /// A payment came through: everything up to `end` is paid for.
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

    /// A renewal failed: everything goes on for the grace.
    mutating func fail(at now: Instant) throws(Problem) {
        guard status == .active || status == .pastDue else { throw Self.refusal("Nothing was due.") }
        status = .pastDue
        graceUntil = graceUntil ?? now + Self.grace
    }

    /// All attempts to be paid have failed.
    mutating func giveUp() throws(Problem) {
        guard status == .pastDue else { throw Self.refusal("Nothing is due.") }
        status = .unpaid
    }

    mutating func pause() throws(Problem) {
        guard status == .trialing || status == .active else { throw Self.refusal("Only what runs can be paused.") }
        status = .paused
    }

    /// Writes down what time has brought: the end of a trial or of a cancelled period, and the plan of a new one.
    /// - Returns: whether anything changed.
    mutating func settle(at now: Instant) -> Bool {
        let before = self
        if let next = nextPlan, let since = nextPlanAt, now >= since {
            (plan, planSince) = (next, since)
            (nextPlan, nextPlanAt) = (nil, nil)
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
    }
}

extension Problem.Kind {
    package static let subscriptionState = Self(
        "subscription-state", "The subscription does not allow this", status: 409)
}
