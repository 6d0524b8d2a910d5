import Modules

enum CouponSchema {
    static let migrations = [
        Migration(
            "billing-302-coupons",
            // The plans are the ids with a space between them; an empty text is for all.
            """
            CREATE TABLE coupons (
                id TEXT PRIMARY KEY NOT NULL,
                code TEXT NOT NULL UNIQUE,
                percent_millionths \(.integer) CHECK (percent_millionths BETWEEN 1 AND 1000000),
                amount \(.integer) CHECK (amount > 0),
                currency TEXT CHECK (length(currency) = 3),
                duration TEXT NOT NULL CHECK (duration IN ('once', 'repeating', 'forever')),
                duration_months \(.integer) CHECK (duration_months > 0),
                redemptions_max \(.integer) CHECK (redemptions_max > 0),
                redemptions \(.integer) NOT NULL CHECK (redemptions >= 0),
                expires_at \(.integer),
                plans TEXT NOT NULL,
                ended_at \(.integer),
                created_by TEXT,
                created_at \(.integer) NOT NULL,
                CHECK ((percent_millionths IS NULL) = (amount IS NOT NULL)),
                CHECK ((amount IS NULL) = (currency IS NULL)),
                CHECK ((duration = 'repeating') = (duration_months IS NOT NULL)),
                CHECK (redemptions_max IS NULL OR redemptions <= redemptions_max)
            ) \(.strict)
            """,
            "CREATE INDEX coupons_by_time ON coupons (created_at)",
            // The organisation, or the pseudonym of an erased one: the number of redemptions stays.
            """
            CREATE TABLE coupon_redemptions (
                id TEXT PRIMARY KEY NOT NULL,
                coupon_id TEXT NOT NULL REFERENCES coupons (id),
                organisation_id TEXT NOT NULL,
                operation_key TEXT NOT NULL,
                redeemed_at \(.integer) NOT NULL,
                released_at \(.integer)
            ) \(.strict)
            """,
            // Once for each organisation, until it is released.
            """
            CREATE UNIQUE INDEX coupon_redemptions_once ON coupon_redemptions (coupon_id, organisation_id)
                WHERE released_at IS NULL
            """,
            """
            CREATE UNIQUE INDEX coupon_redemptions_by_operation ON coupon_redemptions (organisation_id, operation_key)
                WHERE released_at IS NULL
            """
        )
    ]
}
