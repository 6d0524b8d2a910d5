import Entitlements
import Identity
import Modules

/// The SQL of coupons and their redemptions.
extension Transaction {
    // MARK: Coupons

    /// - Returns: false where the code is used.
    func insert(_ coupon: Coupon, by person: ID<Person>) throws -> Bool {
        var (millionths, amount): (Int64?, Money?) = (nil, nil)
        switch coupon.discount {
        case .percent(let value): millionths = value
        case .amount(let value): amount = value
        }
        return try execute(
            """
            INSERT INTO coupons (
                id, code, percent_millionths, amount, currency, duration, duration_months, redemptions_max, redemptions,
                expires_at, plans, created_by, created_at
            )
            VALUES (
                \(coupon.id), \(coupon.code), \(millionths), \(amount?.minorUnits), \(amount?.currency.code),
                \(coupon.duration.name), \(coupon.duration.months), \(coupon.redemptionsMax), 0, \(coupon.expiresAt),
                \(coupon.plans.map(\.text).sorted().joined(separator: " ")), \(person), \(coupon.createdAt)
            )
            ON CONFLICT (code) DO NOTHING
            """
        ) == 1
    }

    func coupon(code: String) throws -> Coupon? { try first("SELECT * FROM coupons WHERE code = \(code)", Coupon.init) }

    func coupon(_ id: ID<Coupon>) throws -> Coupon? { try first("SELECT * FROM coupons WHERE id = \(id)", Coupon.init) }

    /// Locks a coupon until the transaction ends, so that redemptions of it are counted one at a time.
    func lockedCoupon(code: String) throws -> Coupon? {
        try first("SELECT * FROM coupons WHERE code = \(code) \(.forUpdate)", Coupon.init)
    }

    func coupons(limit: Int, offset: Int) throws -> (rows: [Coupon], total: Int64) {
        let rows = try all(
            "SELECT * FROM coupons ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)", Coupon.init)
        return (rows, try count("SELECT COUNT(*) AS count FROM coupons"))
    }

    /// - Returns: false where it had ended.
    func endCoupon(_ id: ID<Coupon>) throws -> Bool {
        try execute("UPDATE coupons SET ended_at = \(now) WHERE id = \(id) AND ended_at IS NULL") == 1
    }

    // MARK: Redemptions

    /// Counts a redemption: one guarded statement.
    /// - Returns: false where the coupon is used up, expired or ended.
    func takeRedemption(of coupon: ID<Coupon>) throws -> Bool {
        try execute(
            """
            UPDATE coupons SET redemptions = redemptions + 1
            WHERE id = \(coupon) AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
                AND (redemptions_max IS NULL OR redemptions < redemptions_max)
            """
        ) == 1
    }

    func insert(_ redemption: CouponRedemption, operation: String) throws {
        try execute(
            """
            INSERT INTO coupon_redemptions (id, coupon_id, organisation_id, operation_key, redeemed_at)
            VALUES (\(redemption.id), \(redemption.coupon.id), \(redemption.organisation), \(operation),
                    \(redemption.redeemedAt))
            """
        )
    }

    func redemption(ofOperation operation: String, of organisation: ID<Organisation>) throws -> CouponRedemption? {
        try first(
            """
            SELECT coupons.*, coupon_redemptions.id AS redemption_id, coupon_redemptions.organisation_id,
                coupon_redemptions.redeemed_at
            FROM coupon_redemptions JOIN coupons ON coupons.id = coupon_redemptions.coupon_id
            WHERE organisation_id = \(organisation) AND operation_key = \(operation) AND released_at IS NULL
            """
        ) { row in
            CouponRedemption(
                id: try row["redemption_id"], organisation: try row["organisation_id"], coupon: try Coupon(row: row),
                redeemedAt: try row["redeemed_at"])
        }
    }

    func hasRedeemed(_ coupon: ID<Coupon>, _ organisation: ID<Organisation>) throws -> Bool {
        try count(
            """
            SELECT COUNT(*) AS count FROM coupon_redemptions
            WHERE coupon_id = \(coupon) AND organisation_id = \(organisation) AND released_at IS NULL
            """
        ) > 0
    }

    /// Ends a redemption and counts it no more. A repeat changes nothing.
    func releaseRedemption(operation: String, of organisation: ID<Organisation>) throws {
        let coupon = try first(
            """
            UPDATE coupon_redemptions SET released_at = \(now)
            WHERE organisation_id = \(organisation) AND operation_key = \(operation) AND released_at IS NULL
            RETURNING coupon_id
            """
        ) { try $0["coupon_id"] as ID<Coupon> }
        guard let coupon else { return }
        try execute("UPDATE coupons SET redemptions = redemptions - 1 WHERE id = \(coupon)")
    }

    /// Replaces an organisation by a pseudonym. The redemptions stay counted.
    func renameRedeemer(_ organisation: ID<Organisation>, to pseudonym: String) throws {
        try execute(
            """
            UPDATE coupon_redemptions SET organisation_id = \(pseudonym), operation_key = id
            WHERE organisation_id = \(organisation)
            """
        )
    }
}

extension Coupon {
    fileprivate init(row: Row) throws {
        id = try row["id"]
        code = try row["code"]
        let (millionths, units): (Int64?, Int64?) = (try row["percent_millionths"], try row["amount"])
        if let millionths {
            discount = .percent(millionths: millionths)
        } else {
            discount = .amount(Money(units ?? 0, try Currency(stored: try row["currency"])))
        }
        let (name, months): (String, Int64?) = (try row["duration"], try row["duration_months"])
        duration = name == "once" ? .once : months.map { .repeating(months: $0) } ?? .forever
        redemptionsMax = try row["redemptions_max"]
        redemptions = try row["redemptions"]
        expiresAt = try row["expires_at"]
        plans = Set((try row["plans"] as String).split(separator: " ").map { Plan.ID(String($0)) })
        endedAt = try row["ended_at"]
        createdAt = try row["created_at"]
    }
}

extension Coupon.Duration {
    var name: String {
        switch self {
        case .once: "once"
        case .repeating: "repeating"
        case .forever: "forever"
        }
    }

    var months: Int64? { if case .repeating(let months) = self { months } else { nil } }
}
