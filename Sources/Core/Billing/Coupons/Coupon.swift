package import Entitlements
package import Identity
package import Modules

/// A discount that is taken by a code.
package struct Coupon: Sendable, Hashable {
    /// What is taken off.
    package enum Discount: Sendable, Hashable {
        /// In millionths: 25 % are 250,000.
        case percent(millionths: Int64)
        /// At most the price.
        case amount(Money)
    }

    /// For how long a subscription has the discount.
    package enum Duration: Sendable, Hashable {
        /// The first invoice.
        case once
        /// Invoices of periods that begin within so many months.
        case repeating(months: Int64)
        case forever
    }

    package let id: ID<Coupon>
    /// Upper-case letters, digits, `-` and `_`; compared without case.
    package let code: String
    package let discount: Discount
    package let duration: Duration
    /// Nil for any number.
    package let redemptionsMax: Int64?
    package let redemptions: Int64
    package let expiresAt: Instant?
    /// The plans that it is for; empty for all.
    package let plans: Set<Plan.ID>
    /// When an administrator ended it.
    package let endedAt: Instant?
    package let createdAt: Instant

    /// The minor units that are taken off an amount.
    /// - Returns: nil for a coupon in another currency.
    package func reduction(of amount: Money) -> Int64? {
        switch discount {
        case .percent(let millionths):
            Proportion.rounded(max(0, amount.minorUnits), times: millionths, over: 1_000_000)
        case .amount(let off) where off.currency == amount.currency: min(off.minorUnits, max(0, amount.minorUnits))
        case .amount: nil
        }
    }
}

/// A coupon that an organisation has taken.
package struct CouponRedemption: Sendable, Hashable {
    package let id: ID<CouponRedemption>
    package let organisation: ID<Organisation>
    package let coupon: Coupon
    package let redeemedAt: Instant

    /// The minor units that are taken off the invoice of a period.
    /// - Parameters:
    ///   - start: the start of the period.
    ///   - isFirst: whether no invoice had the discount before.
    package func reduction(of amount: Money, forPeriodFrom start: Instant, isFirst: Bool) -> Int64 {
        let applies =
            switch coupon.duration {
            case .once: isFirst
            case .repeating(let months): start < Period.moment(months: months, after: redeemedAt)
            case .forever: true
            }
        return applies ? coupon.reduction(of: amount) ?? 0 : 0
    }
}
