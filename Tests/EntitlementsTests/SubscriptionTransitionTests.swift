import Base
import Identity
import Modules
import Testing

@testable import Entitlements

/// The state transitions of ``Subscription``, valid and invalid.
@Suite struct SubscriptionTransitionTests {
    private let start = Instant(seconds: 1_767_225_600)
    private let free = Plan.ID("free")
    private let pro = Plan.ID("pro")

    private func subscription() -> Subscription {
        Subscription(id: ID(trusted: "s"), organisation: ID(trusted: "o"), plan: pro, at: start)
    }
    private func trial(days: Int64 = 30) -> Subscription {
        Subscription(id: ID(trusted: "s"), organisation: ID(trusted: "o"), trialOf: .trial, days: days, at: start)
    }

    private func refused(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return false
        } catch { return (error as? Problem)?.kind == .subscriptionState }
    }

    @Test func `a trial has full access until its end and none after it`() {
        var trial = trial()
        let end = start + .days(30)
        #expect(trial.access(at: start) == .full && trial.access(at: end - .microseconds(1)) == .full)
        // Also before the end is written to the database.
        #expect(trial.access(at: end) == .none)
        let early = trial.settle(at: end - .microseconds(1))
        #expect(!early && trial.status == .trialing)
        let settled = trial.settle(at: end)
        #expect(settled && trial.status == .canceled && trial.access(at: end) == .none)
        let again = trial.settle(at: end)
        #expect(!again)
    }

    @Test func `a plan ends the trial, and a paid one starts its period`() throws {
        var trial = trial()
        let now = start + .days(10)
        var unpaid = trial
        try unpaid.change(to: free, at: now)
        #expect(unpaid.status == .active && unpaid.trialEndsAt == nil && unpaid.anchor == start)
        try trial.change(to: pro, startsPeriod: true, at: now)
        #expect(
            trial.status == .active && trial.trialEndsAt == nil && trial.anchor == now && trial.plan(at: now).id == pro)
        #expect(trial.access(at: start + .days(400)) == .full)
    }

    @Test func `a change of plan within a period keeps the period`() throws {
        var subscription = subscription()
        try subscription.change(to: free, at: start + .days(3))
        #expect(subscription.anchor == start && subscription.plan(at: start + .days(3)) == (free, start + .days(3)))
    }

    @Test func `a downgrade takes effect with the next period`() throws {
        var subscription = subscription()
        let end = Period(anchor: start, containing: start).end
        try subscription.schedule(free, at: start + .days(3))
        #expect(subscription.plan(at: end - .microseconds(1)).id == pro)
        #expect(subscription.plan(at: end) == (free, end))
        let early = subscription.settle(at: end - .microseconds(1))
        let late = subscription.settle(at: end)
        #expect(!early && late && subscription.plan == free && subscription.nextPlan == nil)
        // A change of plan before that cancels the downgrade.
        var other = self.subscription()
        try other.schedule(free, at: start)
        try other.change(to: pro, at: start + .days(1))
        #expect(other.plan(at: end).id == pro && other.nextPlanAt == nil)
    }

    @Test func `a downgrade of a yearly subscription takes effect next year`() throws {
        var subscription = Subscription(
            id: ID(trusted: "s"), organisation: ID(trusted: "o"), plan: pro, cycle: .yearly, at: start)
        try subscription.schedule(free, cycle: .monthly, at: start + .days(40))
        #expect(subscription.nextPlanAt == Instant(seconds: 1_798_761_600) && subscription.cycle == .yearly)
        let settled = subscription.settle(at: Instant(seconds: 1_798_761_600))
        #expect(settled && subscription.plan == free && subscription.cycle == .monthly && subscription.nextCycle == nil)
    }

    @Test func `a cancellation takes effect with the period and can be resumed until then`() throws {
        var subscription = subscription()
        let end = Period(anchor: start, containing: start).end
        try subscription.cancel(immediately: false, at: start + .days(3))
        #expect(
            subscription.status == .active && subscription.access(at: end - .microseconds(1)) == .full
                && subscription.access(at: end) == .none)
        var kept = subscription
        try kept.resume(at: end - .microseconds(1))
        #expect(kept.access(at: end) == .full)
        #expect(refused { try subscription.resume(at: end) })
        let settled = subscription.settle(at: end)
        #expect(settled && subscription.status == .canceled)
        #expect(
            refused { try subscription.change(to: pro, at: end) }
                && refused { try subscription.cancel(immediately: true, at: end) })
    }

    @Test func `an immediate cancellation ends access at once`() throws {
        var subscription = subscription()
        try subscription.cancel(immediately: true, at: start + .days(3))
        #expect(subscription.status == .canceled && subscription.access(at: start + .days(3)) == .none)
        var billed = billed()
        _ = billed.apply(state(.canceled, paidThrough: end, endedAt: start + .days(3)), at: start + .days(3))
        #expect(billed.status == .canceled && billed.access(at: start + .days(3)) == .none)
    }

    // MARK: Billed by the provider

    private var end: Instant { start + .days(31) }
    private func state(
        _ status: Subscription.Status?, plan: Plan.ID = Plan.ID("pro"), paidThrough: Instant?, cancelAt: Instant? = nil,
        endedAt: Instant? = nil, reference: String = "one"
    ) -> BillingState {
        BillingState(
            reference: reference, status: status, plan: plan, cycle: .monthly, anchor: start, paidThrough: paidThrough,
            cancelAt: cancelAt, endedAt: endedAt)
    }

    /// A subscription whose first month is paid.
    private func billed() -> Subscription {
        var subscription = Subscription(
            id: ID(trusted: "s"), organisation: ID(trusted: "o"), billedBy: state(.incomplete, paidThrough: nil),
            at: start)
        _ = subscription.apply(state(.active, paidThrough: end), at: start)
        return subscription
    }

    @Test func `a first payment gives access once subscription and invoice say so, in either order`() {
        let incomplete = Subscription(
            id: ID(trusted: "s"), organisation: ID(trusted: "o"), billedBy: state(.incomplete, paidThrough: nil),
            at: start)
        for first in [state(.active, paidThrough: nil), state(.incomplete, paidThrough: end)] {
            var subscription = incomplete
            _ = subscription.apply(first, at: start + .hours(1))
            #expect(subscription.status == .incomplete && subscription.access(at: start + .hours(1)) == .none)
            _ = subscription.apply(state(.active, paidThrough: end), at: start + .hours(2))
            #expect(subscription.status == .active && subscription.access(at: start + .hours(2)) == .full)
            #expect(subscription.anchor == start && subscription.paidThrough == end)
        }
        var late = incomplete
        let early = late.settle(at: start + .hours(23) - .microseconds(1))
        let expired = late.settle(at: start + .hours(23))
        #expect(!early && expired && late.status == .incompleteExpired)
    }

    @Test func `a failed renewal has a grace period, then reduced access, and a payment restores full access`() {
        var subscription = billed()
        let graceEnd = end + Subscription.grace
        // The grace period applies also before the result of the renewal is known.
        #expect(subscription.access(at: graceEnd - .microseconds(1)) == .full)
        #expect(subscription.access(at: graceEnd) == .reduced)
        for moment in [end, end + .days(5)] {
            _ = subscription.apply(state(.pastDue, paidThrough: end), at: moment)
            #expect(subscription.status == .pastDue && subscription.access(at: graceEnd - .microseconds(1)) == .full)
            // A second failure does not extend the grace period.
            #expect(subscription.access(at: graceEnd) == .reduced)
        }
        var unpaid = subscription
        _ = unpaid.apply(state(.unpaid, paidThrough: end), at: graceEnd)
        #expect(unpaid.status == .unpaid && unpaid.access(at: end) == .none)
        for var each in [subscription, unpaid] {
            _ = each.apply(state(.active, paidThrough: end + .days(28)), at: end + .days(10))
            #expect(each.status == .active && each.access(at: end + .days(10)) == .full && each.anchor == start)
        }
    }

    @Test func `a month that is not paid yet counts its units in the last one that was`() {
        var subscription = billed()
        let last = subscription.period(at: end - .microseconds(1))
        #expect(last.start == start && last.end == end)
        #expect(subscription.period(at: end).start == start && subscription.period(at: end).end > end)
        _ = subscription.apply(state(.pastDue, paidThrough: end), at: end + .hours(1))
        #expect(subscription.period(at: end + .days(6)).start == start)
        // The reduced plan has months of its own.
        #expect(subscription.period(at: end + .days(8)).start == end)
        _ = subscription.apply(state(.active, paidThrough: end + .days(28)), at: end + .days(8))
        #expect(subscription.period(at: end + .days(8)).start == end)
    }

    @Test func `a late payment never shortens the paid period, and an ended subscription stays ended`() {
        var subscription = billed()
        _ = subscription.apply(state(.active, paidThrough: end + .days(28)), at: end)
        _ = subscription.apply(state(.active, paidThrough: end), at: end + .days(1))
        #expect(subscription.paidThrough == end + .days(28))
        _ = subscription.apply(state(.canceled, paidThrough: end, endedAt: end + .days(2)), at: end + .days(2))
        let changed = subscription.apply(state(.active, paidThrough: end + .days(60)), at: end + .days(3))
        #expect(!changed && subscription.status == .canceled)
    }

    @Test func `an unknown status of the provider denies what must be paid for`() {
        var subscription = billed()
        _ = subscription.apply(state(nil, paidThrough: end), at: start + .days(1))
        #expect(subscription.status == .unpaid && subscription.access(at: start + .days(1)) == .none)
    }

    @Test func `a trial stays until the payment, which ends it and starts a period`() {
        var trial = trial()
        let now = start + .days(10)
        let paid = BillingState(
            reference: "one", status: .active, plan: pro, cycle: .yearly, anchor: now, paidThrough: now + .days(365))
        var pending = paid
        (pending.status, pending.paidThrough) = (.incomplete, nil)
        let changed = trial.apply(pending, at: now)
        #expect(!changed && trial.status == .trialing && trial.access(at: now) == .full)
        // An attempt that ends leaves the trial as it is.
        pending.status = .incompleteExpired
        let ended = trial.apply(pending, at: now)
        #expect(!ended && trial.status == .trialing)
        _ = trial.apply(paid, at: now)
        #expect(trial.status == .active && trial.trialEndsAt == nil && trial.anchor == now)
        #expect(trial.plan(at: now) == (pro, now) && trial.cycle == .yearly && trial.isBilled)
        let settled = trial.settle(at: start + .days(31))
        #expect(!settled && trial.access(at: start + .days(31)) == .full)
    }

    @Test func `another subscription of the provider pays only where none does`() {
        var subscription = billed()
        let other = state(.active, plan: free, paidThrough: end + .days(60), reference: "two")
        let changed = subscription.apply(other, at: start + .days(1))
        #expect(!changed && subscription.plan == pro)
        let replaced = subscription.apply(other, at: end + .days(1))
        #expect(replaced && subscription.plan == free && subscription.billingReference == "two")
        // What the first one says does not matter any more.
        let late = subscription.apply(
            state(.canceled, paidThrough: end, endedAt: end), at: end + .days(1))
        #expect(!late && subscription.status == .active)
    }

    @Test func `a billed downgrade takes effect at the end of the paid period, an upgrade at once`() throws {
        var subscription = billed()
        let student = Plan.ID("student")
        try subscription.schedule(student, isBilled: true, at: start + .days(2))
        #expect(subscription.nextPlanAt == end)
        // The provider bills the next plan from now on.
        _ = subscription.apply(state(.active, plan: student, paidThrough: end), at: start + .days(3))
        #expect(subscription.plan(at: end - .microseconds(1)).id == pro)
        var upgraded = subscription
        _ = upgraded.apply(state(.active, plan: Plan.ID("premium"), paidThrough: end), at: start + .days(4))
        #expect(upgraded.plan.text == "premium" && upgraded.nextPlan == nil && upgraded.anchor == start)
        #expect(subscription.plan(at: end) == (student, end))
        _ = subscription.apply(state(.active, plan: student, paidThrough: end + .days(28)), at: end + .hours(1))
        #expect(subscription.plan == student && subscription.planSince == end && subscription.nextPlan == nil)
    }

    @Test func `a smaller plan that is billed never takes the paid one before its end, and what follows is the newest`()
        throws
    {
        let (student, employee) = (Plan.ID("student"), Plan.ID("employee"))
        var subscription = billed()
        let yaml =
            "plans:\n"
            + ["free", "student", "employee", "pro"].map {
                "  - { id: \($0), name: \($0), file_mb: 1, storage_mb: 1 }\n"
            }.joined()
        let plans = try PlanSet(yaml: yaml, offers: Offers(meters: [], features: [], rateClasses: []))
        func billing(_ plan: Plan.ID, through: Instant? = nil) -> BillingState {
            state(.active, plan: plan, paidThrough: through ?? end)
        }
        try subscription.schedule(employee, isBilled: true, by: 1, at: start + .days(1))
        try subscription.schedule(student, isBilled: true, by: 2, at: start + .days(2))
        // The response to the first change comes after the second one was asked for.
        _ = subscription.apply(billing(employee), of: plans, at: start + .days(2))
        #expect(subscription.plan == pro && subscription.nextPlanAt == end)
        _ = subscription.apply(billing(student), of: plans, at: start + .days(2))
        #expect(subscription.plan == pro && subscription.nextPlan == student)
        #expect(subscription.plan(at: end - .microseconds(1)).id == pro)
        // A revocation that was asked for before Free was, leaves it.
        try subscription.schedule(free, by: 4, at: start + .days(3))
        subscription.unschedule(upTo: 3)
        _ = subscription.apply(billing(student), of: plans, at: start + .days(3))
        #expect(subscription.nextPlan == free && subscription.plan == pro)
        subscription.unschedule(upTo: 4)
        #expect(subscription.nextPlan == nil)
        // What the provider bills follows.
        _ = subscription.apply(billing(student), of: plans, at: start + .days(4))
        #expect(subscription.nextPlan == student && subscription.nextPlanAt == end)
        _ = subscription.apply(billing(student, through: end + .days(28)), of: plans, at: end + .hours(1))
        #expect(subscription.plan == student && subscription.planSince == end && subscription.nextPlan == nil)
    }

    @Test func `a plan without payment follows the paid period, whether its end is read or only comes`() throws {
        var subscription = billed()
        try subscription.schedule(free, at: start + .days(2))
        _ = subscription.apply(state(.active, paidThrough: end, cancelAt: end), at: start + .days(3))
        #expect(subscription.cancelAt == nil && subscription.access(at: end) == .full)
        var read = subscription
        _ = read.apply(state(.canceled, paidThrough: end, cancelAt: end, endedAt: end), at: end + .hours(1))
        let settled = subscription.settle(at: end + .hours(1))
        #expect(settled)
        for each in [read, subscription] {
            #expect(each.status == .active && each.plan == free && each.planSince == end && !each.isBilled)
            #expect(each.access(at: end + .days(300)) == .full && each.anchor == start)
        }
        // The end is read after it came.
        let late = subscription.apply(
            state(.canceled, paidThrough: end, cancelAt: end, endedAt: end), at: end + .hours(2))
        #expect(!late)
    }

    @Test func `a plan by code ends at its time`() throws {
        var trial = trial()
        try trial.grant(pro, until: start + .days(40), at: start + .days(1))
        #expect(trial.status == .active && trial.plan == pro && trial.trialEndsAt == nil)
        #expect(trial.access(at: start + .days(40) - .microseconds(1)) == .full)
        let settled = trial.settle(at: start + .days(40))
        #expect(settled && trial.status == .canceled)
        var billed = billed()
        #expect(refused { try billed.grant(pro, until: end, at: start) })
    }

    @Test func `an invalid transition is refused and changes nothing`() throws {
        var subscription = subscription()
        let before = subscription
        #expect(
            refused { try subscription.resume(at: start) }
                && refused { try subscription.extendTrial(by: 3, at: start) })
        #expect(subscription == before)
        var trial = trial()
        #expect(refused { try trial.schedule(free, at: start) })
        try trial.cancel(immediately: false, at: start)
        #expect(trial.status == .canceled && refused { try trial.change(to: pro, at: start) })
        let billed = billed()
        #expect(refused { try billed.requireUnbilled() })
    }

    @Test func `a trial is extended from its end, or from now after it has ended`() throws {
        var trial = trial()
        try trial.extendTrial(by: 5, at: start + .days(1))
        #expect(trial.trialEndsAt == start + .days(35))
        _ = trial.settle(at: start + .days(40))
        #expect(trial.status == .canceled)
        try trial.extendTrial(by: 5, at: start + .days(40))
        #expect(trial.status == .trialing && trial.trialEndsAt == start + .days(45))
    }
}

extension Subscription {
    /// Applies a state where no plan is known to be smaller than another.
    mutating func apply(_ state: BillingState, at now: Instant) -> Bool { apply(state, of: PlanSet([]), at: now) }
}
