import Entitlements
import Identity
import Modules

/// The body of `POST /v1/admin/coupons`.
struct NewCoupon: Payload {
    enum Duration: String, Codable, CaseIterable, Sendable { case once, repeating, forever }

    /// 3 to 40 letters a–z, digits, `-` and `_`; compared without case.
    var code: String
    /// Above 0 and at most 100, with up to two decimals; else `amount_minor` and `currency` are there.
    var percent: DecimalNumber?
    /// In minor units.
    var amountMinor: Int64?
    var currency: String?
    var duration: Duration
    /// With `repeating`.
    var durationMonths: Int64?
    /// Without it, any number.
    var maxRedemptions: Int64?
    var expiresAt: Instant?
    /// The plans that it is for; without it, all.
    var plans: [String]?

    static let rules: [String: Rule] = [
        "code": .length(3...40), "amount_minor": .range(1...amountMax), "currency": .length(3...3),
        "duration_months": .range(1...120), "max_redemptions": .range(1...1_000_000_000), "plans": .items(upTo: 100),
    ]

    /// The payment provider takes no larger amounts.
    private static let amountMax: Int64 = 99_999_999

    /// - Throws: `validation-failed` with every fault.
    func coupon(_ id: ID<Coupon>, of plans: PlanSet, at now: Instant) throws(Problem) -> Coupon {
        var faults: [Problem.Fault] = []
        let code = Coupon.code(code)
        if code == nil { faults.append(Problem.Fault("/code", "consists of letters a–z, digits, - and _")) }
        let discount = discount(&faults)
        if (duration == .repeating) != (durationMonths != nil) {
            faults.append(Problem.Fault("/duration_months", "is for a repeating discount, and required there"))
        }
        if let expiresAt, expiresAt <= now { faults.append(Problem.Fault("/expires_at", "is in the past")) }
        for (index, plan) in (self.plans ?? []).enumerated() where plans[Plan.ID(plan)] == nil {
            faults.append(Problem.Fault("/plans/\(index)", "is no plan: '\(plan.prefix(64))'"))
        }
        guard faults.isEmpty, let code, let discount else { throw Problem.invalid(faults) }
        let duration: Coupon.Duration =
            switch self.duration {
            case .once: .once
            case .repeating: .repeating(months: durationMonths ?? 1)
            case .forever: .forever
            }
        return Coupon(
            id: id, code: code, discount: discount, duration: duration, redemptionsMax: maxRedemptions, redemptions: 0,
            expiresAt: expiresAt, plans: Set((self.plans ?? []).map { Plan.ID($0) }), endedAt: nil, createdAt: now)
    }

    private func discount(_ faults: inout [Problem.Fault]) -> Coupon.Discount? {
        if let percent {
            if amountMinor != nil || currency != nil {
                faults.append(Problem.Fault("/percent", "is in place of an amount"))
            }
            // The payment provider knows no further decimals.
            if let hundredths = percent.units(fractionDigits: 2), (1...10_000).contains(hundredths) {
                return .percent(millionths: hundredths * 100)
            }
            faults.append(Problem.Fault("/percent", "is above 0 and at most 100, with up to two decimals"))
            return nil
        }
        guard let amountMinor, let currency else {
            faults.append(Problem.Fault("", "has percent, or amount_minor and currency"))
            return nil
        }
        guard let currency = Currency(currency), currency.isListed else {
            faults.append(Problem.Fault("/currency", "is not a code of ISO 4217, such as eur"))
            return nil
        }
        let amount = Money(amountMinor, currency)
        guard amount.isPayable else {
            faults.append(
                Problem.Fault("/amount_minor", "is a multiple of \(currency.paymentStep) in \(currency.code)"))
            return nil
        }
        return .amount(amount)
    }
}

/// A coupon, for administrators.
struct CouponView: Payload {
    var id: ID<Coupon>
    var code: String
    var percent: DecimalNumber?
    var amountMinor: Int64?
    var currency: String?
    var duration: NewCoupon.Duration
    var durationMonths: Int64?
    var maxRedemptions: Int64?
    var redemptions: Int64
    var expiresAt: Instant?
    var plans: [String]
    /// Whether it can be taken now.
    var active: Bool
    var endedAt: Instant?
    var createdAt: Instant

    init(_ coupon: Coupon, at now: Instant) {
        id = coupon.id
        code = coupon.code
        switch coupon.discount {
        case .percent(let millionths): percent = DecimalNumber(millionths, fractionDigits: 4)
        case .amount(let amount): (amountMinor, currency) = (amount.minorUnits, amount.currency.code)
        }
        switch coupon.duration {
        case .once: duration = .once
        case .repeating: duration = .repeating
        case .forever: duration = .forever
        }
        durationMonths = coupon.duration.months
        maxRedemptions = coupon.redemptionsMax
        redemptions = coupon.redemptions
        expiresAt = coupon.expiresAt
        plans = coupon.plans.map(\.text).sorted()
        active = coupon.isLive(at: now)
        endedAt = coupon.endedAt
        createdAt = coupon.createdAt
    }
}

/// What a coupon takes off a price, before it is taken.
struct CouponPreview: Payload {
    var code: String
    var plan: String
    var cycle: Cycle
    var duration: NewCoupon.Duration
    var durationMonths: Int64?
    var currency: String
    var price: DecimalNumber
    var priceMinor: Int64
    /// Taken off the price with all taxes, as the payment provider does.
    var discount: DecimalNumber
    var discountMinor: Int64
    /// The taxes that the price does not contain, on the whole price.
    var tax: DecimalNumber
    var taxMinor: Int64
    /// What the first invoice is for.
    var total: DecimalNumber
    var totalMinor: Int64

    /// - Parameter whole: the price with the taxes that are added to it.
    init(_ coupon: Coupon, _ plan: Plan, _ price: Price, whole: Money, at now: Instant) {
        let currency = price.amount.currency
        discountMinor = coupon.reduction(of: whole) ?? 0
        taxMinor = whole.minorUnits - price.amount.minorUnits
        totalMinor = whole.minorUnits - discountMinor
        let view = CouponView(coupon, at: now)
        code = coupon.code
        self.plan = plan.id.text
        cycle = price.cycle
        (duration, durationMonths) = (view.duration, view.durationMonths)
        self.currency = currency.code
        (self.price, priceMinor) = (price.amount.major, price.amount.minorUnits)
        discount = Money(discountMinor, currency).major
        tax = Money(taxMinor, currency).major
        total = Money(totalMinor, currency).major
    }
}
