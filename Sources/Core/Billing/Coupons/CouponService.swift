package import Entitlements
package import Identity
package import Modules

/// Checks and takes coupons. An organisation takes a coupon once.
package final class CouponService: Sendable {
    package init() {}

    /// Takes a coupon for a plan, in the transaction that begins the subscription. One guarded statement counts the
    /// redemption: of two transactions that take the last one, one does.
    /// - Parameters:
    ///   - amount: the price before the discount.
    ///   - operation: unique within the organisation, such as `subscribe:<id>`: a repeat returns the first redemption.
    /// - Throws: `coupon-not-found`; `coupon-ended` for one that is used up, expired or ended; `coupon-not-for-plan`,
    ///   also for another currency; `coupon-used` where the organisation has taken it before.
    package func redeem(
        _ code: String, for plan: Plan.ID, amount: Money, by organisation: ID<Organisation>, operation: String,
        in transaction: Transaction
    ) throws -> CouponRedemption {
        throw Problem(.couponNotFound)
    }

    /// As ``redeem(_:for:amount:by:operation:in:)``, without taking it: for a preview.
    package func check(
        _ code: String, for plan: Plan.ID, amount: Money, by organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws -> Coupon { throw Problem(.couponNotFound) }

    /// Releases a redemption whose payment never came. A repeat changes nothing.
    package func release(
        operation: String, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {}

    /// - Returns: nil where nothing was taken, or it was released.
    package func redemption(
        ofOperation operation: String, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> CouponRedemption? { nil }
}

extension Problem.Kind {
    package static let couponNotFound = Self("coupon-not-found", "There is no such coupon", status: 404)
    package static let couponEnded = Self("coupon-ended", "This coupon cannot be used any more", status: 409)
    package static let couponNotForPlan = Self("coupon-not-for-plan", "This coupon is not for this plan", status: 409)
    package static let couponUsed = Self("coupon-used", "You have used this coupon", status: 409)
}
