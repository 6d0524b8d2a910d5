import Modules

/// Conditions of coupons that hold in every committed state of the database.
enum CouponInvariants {
    static let all: [Invariant] = [
        Invariant(
            "the redemptions of a coupon are not as many as it counts",
            """
            SELECT id, code, redemptions, taken FROM (
                SELECT id, code, redemptions, (
                    SELECT COUNT(*) FROM coupon_redemptions WHERE coupon_id = coupons.id AND released_at IS NULL
                ) AS taken
                FROM coupons
            ) AS counts WHERE redemptions <> taken
            """
        )
    ]
}
