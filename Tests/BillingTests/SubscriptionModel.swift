import Base
import Entitlements

/// What one organisation asked for, and what the provider did, as plainly as possible. The provider collects a period
/// when it begins, and where that fails 3, 8 and 15 days later; then it cancels.
struct SubscriptionModel {
    enum Stage { case none, attempt, active, pastDue }

    /// From the smallest to the largest, with the prices of a month and a year.
    static let plans: [(id: String, monthly: Int64, yearly: Int64)] = [
        ("student", 999, 9_999), ("employee", 2_999, 29_999), ("professional", 9_999, 99_999),
    ]
    private static let retries: [Duration] = [.days(3), .days(8), .days(15)]

    private(set) var stage = Stage.none
    /// The plan that the provider bills, and the one that the organisation has.
    private(set) var billed = ""
    private(set) var given = ""
    private(set) var cycle = Cycle.monthly
    /// The plan that follows with the next period; after `free` nothing is billed any more.
    private(set) var next: String?
    private(set) var cancels = false
    /// Whether it has the plan without payment.
    private(set) var hasFree = false
    private(set) var coupon: SubscriptionCoupon?
    /// Of subscriptions that were paid: they stay taken.
    private var spent: Set<String> = []
    /// Whether its card is not declined.
    var isCardGood = true
    /// For whole periods, in cents.
    private(set) var collected: Int64 = 0
    private var anchor = Instant(seconds: 0)
    private var periods: Int64 = 0
    private var failures = 0

    var isLive: Bool { stage == .active || stage == .pastDue }
    /// The end of what is paid for, also of a subscription that has ended.
    var paidThrough: Instant { Period.moment(months: periods * cycle.months, after: anchor) }

    /// The plan whose limits apply.
    func access(at now: Instant) -> String? {
        switch stage {
        case .active: given
        case .pastDue: now < paidThrough + .days(7) ? given : "free"
        case .none, .attempt: hasFree ? "free" : nil
        }
    }

    /// Whether an attempt or a subscription that was paid has a coupon.
    func takes(_ coupon: SubscriptionCoupon) -> Bool {
        spent.contains(coupon.code) || stage == .attempt && self.coupon?.code == coupon.code
    }

    // MARK: Requests

    /// - Parameter coupon: nil leaves the coupon of an attempt that is continued.
    mutating func start(_ plan: String, _ cycle: Cycle, _ coupon: SubscriptionCoupon?, at now: Instant) {
        let isSame = billed == plan && self.cycle == cycle && (coupon == nil || coupon?.code == self.coupon?.code)
        guard stage != .attempt || !isSame else { return }
        (stage, billed, self.cycle, self.coupon) = (.attempt, plan, cycle, coupon)
        (anchor, periods, failures, next, cancels) = (now, 0, 0, nil, false)
    }

    mutating func pay() {
        if stage == .attempt {
            (given, hasFree) = (billed, false)
            if let coupon { spent.insert(coupon.code) }
        }
        isCardGood = true
        collect()
    }

    /// - Returns: the problem that the request gets; nil where it succeeds.
    mutating func upgrade(to plan: String, _ cycle: Cycle, at now: Instant) -> String? {
        let (new, old) = (Self.rank(plan), Self.rank(billed))
        guard new > old || new == old && cycle.months > self.cycle.months else { return "conflict" }
        guard cycle.months >= self.cycle.months else { return "validation-failed" }
        guard stage == .active, !cancels, next == nil else { return "subscription-state" }
        guard isCardGood else { return "payment-refused" }
        (billed, given) = (plan, plan)
        if cycle != self.cycle { (anchor, periods, self.cycle) = (now, 1, cycle) }
        return nil
    }

    /// - Returns: as ``upgrade(to:_:at:)``.
    mutating func downgrade(to plan: String) -> String? {
        guard Self.rank(plan) < Self.rank(billed) else { return "conflict" }
        guard stage == .active, !cancels else { return "subscription-state" }
        next = plan
        if plan == "free" { cancels = true } else { billed = plan }
        return nil
    }

    mutating func cancelAtEnd() { cancels = true }

    /// - Returns: as ``upgrade(to:_:at:)``.
    mutating func resume() -> String? {
        guard cancels || next != nil else { return "subscription-state" }
        (billed, next, cancels) = (given, nil, false)
        return nil
    }

    mutating func end() {
        hasFree = hasFree || next == "free"
        (stage, next, cancels) = (.none, nil, false)
    }

    // MARK: Time

    /// What the provider does until then.
    mutating func advance(to now: Instant) {
        while let due, due <= now {
            switch stage {
            case .none: return
            case .attempt: end()
            case .active where cancels: end()
            case .active:
                if next != nil { (given, next) = (billed, nil) }
                if isCardGood { collect() } else { (stage, failures) = (.pastDue, 1) }
            case .pastDue:
                if isCardGood {
                    collect()
                } else if failures == Self.retries.count {
                    end()
                } else {
                    failures += 1
                }
            }
        }
    }

    private var due: Instant? {
        switch stage {
        case .none: nil
        case .attempt: anchor + .hours(23)
        case .active: paidThrough
        case .pastDue: paidThrough + Self.retries[failures - 1]
        }
    }

    private mutating func collect() {
        let price = Self.plans.first { $0.id == billed }.map { cycle == .yearly ? $0.yearly : $0.monthly } ?? 0
        let isDiscounted = coupon.map { $0.isForever || stage == .attempt } ?? false
        // Half of an odd price is rounded in favour of the customer.
        collected += isDiscounted ? price / 2 : price
        periods += 1
        stage = .active
    }

    /// 0 for `free`.
    private static func rank(_ plan: String) -> Int { (plans.firstIndex { $0.id == plan } ?? -1) + 1 }
}

/// A coupon of 50 percent, for the first invoice or for all of them.
struct SubscriptionCoupon: Sendable {
    let code: String
    let isForever: Bool
}
