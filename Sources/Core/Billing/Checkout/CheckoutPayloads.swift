import Entitlements
import Modules

/// The body of `POST /v1/stripe/create-checkout-session`.
struct CheckoutOrder: CouponSelection {
    /// The plan's id, such as `employee`.
    var planId: String
    /// By default monthly; `annual` is yearly.
    var billingCycle: BillingCycle?
    /// The language of the page: an IETF tag such as `de`, or `auto`.
    var locale: String?
    /// An ISO 3166 code: the price of that country.
    var country: String?
    var coupon: String?

    static let rules: [String: Rule] = [
        "plan_id": .length(1...64), "locale": .length(2...10), "country": .length(2...2), "coupon": .length(1...64),
    ]
}

struct CheckoutView: Payload {
    var sessionId: String
    var url: String
}

struct CheckoutCheck: Payload {
    var sessionId: String

    static let rules: [String: Rule] = ["session_id": .length(1...255)]
}

struct CheckoutResult: Payload {
    var success: Bool
    var paymentStatus: String
    var subscription: SubscriptionView
}

struct PortalOrder: OptionalBody {
    var locale: String?

    static let rules: [String: Rule] = ["locale": .length(2...10)]
}

struct PortalView: Payload {
    var url: String
}
