import Entitlements
import Identity
import Modules

struct CouponRoutes {
    let identity: IdentityModule
    let coupons: CouponAdministrationService
    /// Limits how many codes a client tries.
    let attempts: AttemptRateLimit

    var routes: [Route] {
        [
            .get(
                "payments/coupons/{code}", "What a coupon takes off the price of a plan",
                requires: identity.organisation(.owner, .admin), .path("code"), .query("plan", required: 64),
                .query("cycle", oneOf: Cycle.allCases.map(\.rawValue)), .query("region", upTo: 2),
                .query("country", upTo: 2),
                problems: [
                    .couponNotFound, .couponEnded, .couponNotForPlan, .couponUsed, .planNotFound, .notConfigured,
                    .providerUnavailable,
                ]
            ) { [coupons] scope, code, plan, cycle, region, country in
                let choice = PaidPlanChoice(country: country, region: region)
                return try await coupons.preview(
                    code, plan: plan, cycle: cycle.flatMap(Cycle.init) ?? .monthly, region: choice.selectedRegion(),
                    scope: scope)
            }.guarded(by: attempts),
            .post(
                "admin/coupons", "Make a coupon", requires: identity.role(.admin), problems: [.conflict]
            ) { [coupons] (new: NewCoupon, scope) in Created(try await coupons.create(new, scope: scope)) },
            .get(
                "admin/coupons", "List the coupons, newest first", requires: identity.role(.admin),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [coupons] _, limit, offset in try await coupons.list(limit: limit, offset: offset) },
            .get(
                "admin/coupons/{id}", "A coupon", requires: identity.role(.admin), .path("id", of: Coupon.self),
                problems: [.couponNotFound]
            ) { [coupons] _, id in try await coupons.view(id) },
            .delete(
                "admin/coupons/{id}", "End a coupon, so that it cannot be taken any more",
                requires: identity.role(.admin), .path("id", of: Coupon.self), problems: [.couponNotFound]
            ) { [coupons] scope, id in try await coupons.end(id, scope: scope) },
        ]
    }
}
