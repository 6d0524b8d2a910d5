import Audit
import Entitlements
import Identity
import Modules

/// Makes, lists and ends coupons, and previews them for customers.
final class CouponAdministrationService: Sendable {
    private let database: any Database
    private let coupons: CouponService
    private let plans: PlanCatalog
    private let prices: ProviderPriceService
    private let audit: AuditService
    private let runtime: Runtime

    init(
        database: any Database, coupons: CouponService, plans: PlanCatalog, prices: ProviderPriceService,
        audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.coupons = coupons
        self.plans = plans
        self.prices = prices
        self.audit = audit
        self.runtime = runtime
    }

    /// - Throws: `validation-failed`; `conflict` for a code that is used.
    func create(_ new: NewCoupon, scope: Scope) async throws(Problem) -> CouponView {
        let plans = plans.current
        return try await database.write { [audit, runtime] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let coupon = try new.coupon(runtime.id(), of: plans, at: transaction.now)
            guard try transaction.insert(coupon, by: scope.person) else {
                throw Problem(.conflict, detail: "There is a coupon with this code.")
            }
            try audit.record(
                AuditEvent("coupon.created", by: scope, subject: coupon.id.text, details: ["code": coupon.code]),
                in: transaction)
            return CouponView(coupon, at: transaction.now)
        }
    }

    func list(limit: Int, offset: Int) async throws(Problem) -> Page<CouponView> {
        try await database.read { transaction in
            let (rows, total) = try transaction.coupons(limit: limit, offset: offset)
            return Page(
                data: rows.map { CouponView($0, at: transaction.now) }, total: total, limit: limit, offset: offset)
        }
    }

    /// - Throws: `coupon-not-found`.
    func view(_ id: ID<Coupon>) async throws(Problem) -> CouponView {
        try await database.read { transaction in
            guard let coupon = try transaction.coupon(id) else { throw Problem(.couponNotFound) }
            return CouponView(coupon, at: transaction.now)
        }
    }

    /// Ends a coupon; those who have taken it keep their discount. A repeat changes nothing.
    /// - Throws: `coupon-not-found`.
    func end(_ id: ID<Coupon>, scope: Scope) async throws(Problem) -> CouponView {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            if try transaction.endCoupon(id) {
                try audit.record(AuditEvent("coupon.ended", by: scope, subject: id.text), in: transaction)
            }
            guard let coupon = try transaction.coupon(id) else { throw Problem(.couponNotFound) }
            return CouponView(coupon, at: transaction.now)
        }
    }

    /// What a coupon takes off the price of a plan in a country.
    /// - Throws: `plan-not-found`; as ``ProviderPriceService/priced(_:)``; as
    ///   ``CouponService/check(_:for:amount:by:in:)``.
    func preview(_ code: String, plan id: String, cycle: Cycle, region: String?, scope: Scope) async throws(Problem)
        -> CouponPreview
    {
        guard let plan = plans.current[Plan.ID(id)],
            let price = try await prices.priced(plan).price(every: cycle, in: region)
        else { throw Problem(.planNotFound, detail: "There is no price for this plan, cycle and country.") }
        let whole = prices.total(price, of: plan)
        return try await database.read { [coupons] transaction in
            let coupon = try coupons.check(
                code, for: plan.id, amount: price.amount, by: scope.organisation, in: transaction)
            return CouponPreview(coupon, plan, price, whole: whole, at: transaction.now)
        }
    }
}
