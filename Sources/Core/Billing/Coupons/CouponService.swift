package import Entitlements
package import Identity
package import Modules

/// Checks and takes coupons. An organisation takes a coupon once.
package final class CouponService: Sendable {
    /// The limit of attempts that coupons and access codes share.
    static let attemptsName = "codes"

    private let runtime: Runtime

    init(runtime: Runtime) { self.runtime = runtime }

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
        guard let code = Coupon.code(code), let coupon = try transaction.lockedCoupon(code: code) else {
            throw Problem(.couponNotFound)
        }
        // Behind the coupon's lock: another transaction of the same operation has committed, or waits.
        if let known = try transaction.redemption(ofOperation: operation, of: organisation) {
            guard known.coupon.id == coupon.id else {
                throw Problem(.couponUsed, detail: "This subscription has another coupon.")
            }
            return known
        }
        try coupon.require(for: plan, amount: amount, at: transaction.now)
        if try transaction.hasRedeemed(coupon.id, organisation) { throw Problem(.couponUsed) }
        guard try transaction.takeRedemption(of: coupon.id) else { throw Problem(.couponEnded) }
        let redemption = CouponRedemption(
            id: runtime.id(), organisation: organisation, coupon: coupon, redeemedAt: transaction.now)
        try transaction.insert(redemption, operation: operation)
        return redemption
    }

    /// As ``redeem(_:for:amount:by:operation:in:)``, without taking it: for a preview.
    /// - Parameter operation: one that may have taken the coupon before, which is not refused then.
    package func check(
        _ code: String, for plan: Plan.ID, amount: Money, by organisation: ID<Organisation>,
        operation: String? = nil, in transaction: Transaction
    ) throws -> Coupon {
        guard let code = Coupon.code(code), let coupon = try transaction.coupon(code: code) else {
            throw Problem(.couponNotFound)
        }
        if let operation,
            try transaction.redemption(ofOperation: operation, of: organisation)?.coupon.id == coupon.id
        {
            return coupon
        }
        try coupon.require(for: plan, amount: amount, at: transaction.now)
        if try transaction.hasRedeemed(coupon.id, organisation) { throw Problem(.couponUsed) }
        return coupon
    }

    /// Releases a redemption whose payment never came. A repeat changes nothing.
    package func release(operation: String, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try transaction.releaseRedemption(operation: operation, of: organisation)
    }

    /// - Returns: nil where nothing was taken, or it was released.
    package func redemption(
        ofOperation operation: String, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws -> CouponRedemption? { try transaction.redemption(ofOperation: operation, of: organisation) }
}

extension Coupon {
    /// A code in the form in which it is stored.
    /// - Returns: nil for a text that is no code: 3 to 40 letters a–z, digits, `-` and `_`.
    static func code(_ text: String) -> String? {
        let code = text.trimmingPrefix(while: \.isWhitespace).uppercased()
        let isCode = code.utf8.allSatisfy {
            (65...90).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
        return isCode && (3...40).contains(code.utf8.count) ? code : nil
    }

    /// Whether it can be taken now.
    func isLive(at now: Instant) -> Bool {
        endedAt == nil && (expiresAt.map { now < $0 } ?? true) && (redemptionsMax.map { redemptions < $0 } ?? true)
    }

    /// - Throws: `coupon-ended`, `coupon-not-for-plan`.
    fileprivate func require(for plan: Plan.ID, amount: Money, at now: Instant) throws(Problem) {
        guard isLive(at: now) else { throw Problem(.couponEnded) }
        guard plans.isEmpty || plans.contains(plan) else { throw Problem(.couponNotForPlan) }
        guard reduction(of: amount) != nil else {
            throw Problem(
                .couponNotForPlan, detail: "The coupon is not for prices in \(amount.currency.code.uppercased()).")
        }
    }
}

extension Problem.Kind {
    package static let couponNotFound = Self("coupon-not-found", "There is no such coupon", status: 404)
    package static let couponEnded = Self("coupon-ended", "This coupon cannot be used any more", status: 409)
    package static let couponNotForPlan = Self("coupon-not-for-plan", "This coupon is not for this plan", status: 409)
    package static let couponUsed = Self("coupon-used", "You have used this coupon", status: 409)
}
