import Entitlements
import Modules

/// A body that may take a coupon.
protocol CouponSelection: Payload {
    var coupon: String? { get }
}

/// Limits how many coupons a client tries where it starts a plan. Requests without a coupon are not counted.
struct CouponAttemptLimit: BodyMiddleware {
    let attempts: AttemptRateLimit

    var problems: [Problem.Kind] { attempts.problems }
    var summary: RequirementSummary { attempts.summary }

    func applies(to body: any Payload.Type) -> Bool { body is any CouponSelection.Type }

    func check(_ body: any Payload, of request: Request) async throws(Problem) {
        guard (body as? any CouponSelection)?.coupon != nil else { return }
        try await attempts.check(request)
    }
}
