import Identity
import Modules

/// Personal data of coupons. Redemptions stay, under a pseudonym, because a coupon counts them.
enum CouponPersonalData {
    static let tables = [
        PersonalDataTable(
            "coupon-redemptions", in: "coupon_redemptions",
            selection: {
                """
                SELECT coupon_redemptions.id, coupon_redemptions.organisation_id, coupons.code,
                    coupon_redemptions.redeemed_at, coupon_redemptions.released_at
                FROM coupon_redemptions JOIN coupons ON coupons.id = coupon_redemptions.coupon_id
                WHERE coupon_redemptions.organisation_id IN \(list: $0.organisations)
                ORDER BY coupon_redemptions.redeemed_at, coupon_redemptions.id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.renameRedeemer(organisation.id, to: organisation.pseudonym)
            }
        },
        // Coupons stay, without their author.
        PersonalDataTable("coupons", in: "coupons") { subject, _, transaction in
            try transaction.execute("UPDATE coupons SET created_by = NULL WHERE created_by = \(subject.person)")
        },
    ]
}
