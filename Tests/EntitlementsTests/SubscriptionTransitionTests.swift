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
        try subscription.activate(paidThrough: start + .days(31), at: start)
        try subscription.cancel(immediately: true, at: start + .days(3))
        #expect(subscription.status == .canceled && subscription.access(at: start + .days(3)) == .none)
    }

    @Test func `a failed renewal has a grace period, then reduced access, and a payment restores full access`() throws {
        var subscription = subscription()
        let end = start + .days(31)
        try subscription.activate(paidThrough: end, at: start)
        // The grace period applies also before the result of the renewal is known.
        #expect(
            subscription.access(at: end + Subscription.grace - .microseconds(1)) == .full
                && subscription.access(at: end + Subscription.grace) == .reduced)
        try subscription.fail(at: end)
        #expect(
            subscription.status == .pastDue
                && subscription.access(at: end + Subscription.grace - .microseconds(1)) == .full)
        // A second failure does not extend the grace period.
        try subscription.fail(at: end + .days(5))
        #expect(subscription.access(at: end + Subscription.grace) == .reduced)
        var unpaid = subscription
        try unpaid.markUnpaid()
        #expect(unpaid.status == .unpaid && unpaid.access(at: end) == .none)
        for var each in [subscription, unpaid] {
            try each.activate(paidThrough: end + .days(31), at: end + .days(10))
            #expect(each.status == .active && each.access(at: end + .days(10)) == .full && each.anchor == start)
        }
    }

    @Test func `a late payment event never shortens the paid period`() throws {
        var subscription = subscription()
        try subscription.activate(paidThrough: start + .days(62), at: start)
        try subscription.activate(paidThrough: start + .days(31), at: start + .days(1))
        #expect(subscription.paidThrough == start + .days(62))
    }

    @Test func `an invalid transition is refused and changes nothing`() throws {
        var subscription = subscription()
        let before = subscription
        #expect(
            refused { try subscription.resume(at: start) } && refused { try subscription.markUnpaid() }
                && refused { try subscription.extendTrial(by: 3, at: start) })
        #expect(subscription == before)
        var trial = trial()
        #expect(refused { try trial.schedule(free, at: start) } && refused { try trial.fail(at: start) })
        try trial.pause()
        #expect(trial.access(at: start) == .none && refused { try trial.pause() })
        try trial.cancel(immediately: false, at: start)
        #expect(trial.status == .canceled && refused { try trial.activate(paidThrough: start, at: start) })
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
