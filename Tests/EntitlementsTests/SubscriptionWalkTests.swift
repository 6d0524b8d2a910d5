import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// A random walk of payments, upgrades, downgrades, cancellations and clocks. The system reads the provider's state at
/// random, so that it misses states; what it gives is compared with what was paid for.
@Suite struct SubscriptionWalkTests {
    /// The provider and the customer, as plainly as possible.
    private struct Model {
        static let plans = ["student", "employee", "professional"].map { Plan.ID($0) }

        var now: Instant
        var number = 0
        var status = Subscription.Status.incomplete
        var billed = 0
        var anchor: Instant
        var months: Int64 = 0
        var cancels = false
        var endedAt: Instant?
        var failsNext = false

        init(at now: Instant) { (self.now, anchor) = (now, now) }

        /// The end of what is paid for.
        var paidThrough: Instant? { months == 0 ? nil : Period.moment(months: months, after: anchor) }
        var isOver: Bool { status.isFinal }

        var state: BillingState {
            BillingState(
                reference: "\(number)", status: status, plan: Self.plans[billed], cycle: .monthly, anchor: anchor,
                paidThrough: paidThrough, cancelAt: cancels ? paidThrough : nil, endedAt: endedAt)
        }

        mutating func restart() {
            let number = number + 1
            self = Model(at: now)
            self.number = number
        }

        mutating func pay() {
            guard !isOver, status != .active else { return }
            status = .active
            repeat { months += 1 } while paidThrough.map { $0 <= now } ?? true
        }

        mutating func end() {
            status = months == 0 ? .incompleteExpired : .canceled
            endedAt = now
        }

        /// What the provider does in the course of time.
        mutating func advance(by duration: Duration) {
            now = now + duration
            guard status == .active, let end = paidThrough, now >= end else {
                if status == .incomplete, now >= anchor + .hours(23) { self.end() }
                if status == .pastDue, let end = paidThrough, now >= end + .days(20) { status = .unpaid }
                return
            }
            if cancels {
                (status, endedAt) = (.canceled, end)
            } else if failsNext {
                status = .pastDue
            } else {
                months += 1
            }
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `what a subscription gives is what was paid for, whatever was read and when`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let start = Instant(seconds: 1_767_225_600)
        var model = Model(at: start)
        var subscription = Subscription(
            id: ID(trusted: "s"), organisation: ID(trusted: "o"), billedBy: model.state, at: start)
        var periods: Set<Instant> = []
        for step in 0..<2_500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: model.pay()
            case 1: if model.status == .active { model.billed = Int.random(in: model.billed..<3, using: &random) }
            case 2: if model.status == .active { model.cancels.toggle() }
            case 3: model.failsNext.toggle()
            case 4 where Int.random(in: 0..<20, using: &random) == 0 && !model.isOver: model.end()
            default: model.advance(by: .hours(Int64.random(in: 1...200, using: &random)))
            }
            let context = "seed \(seed), step \(step)"
            guard Int.random(in: 0..<3, using: &random) > 0 else { continue }
            if subscription.status.isFinal, model.isOver {
                model.restart()
                subscription = Subscription(
                    id: ID(trusted: "s\(step)"), organisation: ID(trusted: "o"), billedBy: model.state, at: model.now)
                periods = []
            }
            let before = subscription
            _ = subscription.apply(model.state, at: model.now)
            var again = subscription
            let changed = again.apply(model.state, at: model.now)
            #expect(!changed && again == subscription, "\(context): a repeat changes something")
            if before.status.isFinal {
                #expect(subscription == before, "\(context): an ended subscription moved")
                model.end()
                continue
            }
            let access = subscription.access(at: model.now)
            let paid = model.paidThrough
            switch model.status {
            case .active:
                #expect(
                    access == .full && subscription.plan(at: model.now).id == Model.plans[model.billed], "\(context)")
            case .pastDue:
                let isInGrace = paid.map { model.now < $0 + Subscription.grace } ?? false
                #expect(access == (isInGrace ? .full : .reduced), "\(context)")
            case .incomplete, .incompleteExpired, .unpaid, .paused: #expect(access == .none, "\(context)")
            case .canceled, .trialing: #expect(access == .none || (paid.map { model.now < $0 } ?? false), "\(context)")
            }
            #expect(subscription.paidThrough ?? start <= paid ?? model.now, "\(context): more is given than was paid")
            if access == .full {
                // Months are begun by payments alone.
                periods.insert(subscription.period(at: model.now).start)
                #expect(Int64(periods.count) <= model.months, "\(context): \(periods)")
            }
        }
    }
}
