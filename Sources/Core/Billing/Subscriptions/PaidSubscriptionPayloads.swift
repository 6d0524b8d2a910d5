import Entitlements
import Modules

/// The body of `POST /v1/payments/subscribe`.
struct PaidPlanChoice: PlanSelection, CountrySelection, CouponSelection {
    var plan: String?
    /// The same as `plan`.
    var tier: String?
    /// The same as `plan`.
    var planType: String?
    var cycle: Cycle?
    /// The same as `cycle`; `annual` is yearly.
    var billingCycle: BillingCycle?
    /// The same as the cycle `yearly`, or with false `monthly`.
    var annual: Bool?
    /// An ISO 3166 code: the price of that country.
    var country: String?
    /// The same as `country`.
    var region: String?
    /// An ISO 4217 code; by default the first currency that the plan has in the country.
    var currency: String?
    /// A method of the customer at the provider, `pm_…`; or `card`, which the client confirms.
    var paymentMethod: String?
    /// The customer at the provider, which has to be the caller's.
    var customerId: String?
    /// The code of a discount.
    var coupon: String?

    static let rules = planRules.merging(countryRules) { first, _ in first }.merging([
        "currency": .length(3...3), "payment_method": .length(1...255), "customer_id": .length(1...255),
        "coupon": .length(1...64),
    ]) { first, _ in first }

    init(
        plan: String? = nil, cycle: Cycle? = nil, country: String? = nil, region: String? = nil,
        currency: String? = nil, coupon: String? = nil
    ) {
        self.plan = plan
        self.cycle = cycle
        self.country = country
        self.region = region
        self.currency = currency
        self.coupon = coupon
    }

    /// - Throws: `validation-failed`.
    func selectedCurrency() throws(Problem) -> Currency? {
        guard let currency else { return nil }
        guard let currency = Currency(currency) else {
            throw Problem.invalid("/currency", "is not a currency code of three letters")
        }
        return currency
    }

    /// The method at the provider; nil where the client confirms the payment.
    /// - Throws: `validation-failed`.
    func selectedPaymentMethod() throws(Problem) -> String? {
        guard let paymentMethod, paymentMethod != "card" else { return nil }
        guard paymentMethod.hasPrefix("pm_"), ProviderObjectID.isValid(paymentMethod) else {
            throw Problem.invalid("/payment_method", "is 'card' or a method of the customer, pm_…")
        }
        return paymentMethod
    }
}

/// What a change of the plan costs.
struct ProrationPreview: Payload {
    var currentTier: String?
    var newTier: String
    /// What has to be paid at once; below zero for a credit. In major units.
    var prorationAmount: DecimalNumber
    var prorationAmountMinor: Int64
    /// The next full amount, in major units.
    var nextInvoiceAmount: DecimalNumber
    var nextInvoiceAmountMinor: Int64
    var nextInvoiceDate: Instant
    var currency: String
}

/// A Marketplace subscription, as its clients read it.
struct PlannerSubscription: Payload {
    var id: String
    var planType: String
    var status: String
    /// −1 is unlimited.
    var iterationLimit: Limit
    var iterationsRemaining: Int64
    var startDate: Instant
    var endDate: Instant
    var cancelAt: Instant?
    var stripeSubscriptionId: String?
    var stripeCustomerId: String?
}

struct PlannerSubscriptionStart: Payload {
    var success: Bool
    var subscriptionId: String
    var stripeSubscriptionId: String?
    var status: String
    var clientSecret: String?
    var publishableKey: String?
}

struct PlannerSubscriptionEnd: Payload {
    var success: Bool
    var subscriptionId: String
    var status: String
    var cancelAt: Instant?
}

struct PlannerCancellation: Payload {
    /// The subscription's id, here or at the provider; by default the current one.
    var subscriptionId: String?

    static let rules: [String: Rule] = ["subscription_id": .length(1...255)]
}

extension BillingView {
    init(_ row: ProviderSubscription) {
        self.init(
            stripeSubscriptionId: row.providerID, amount: row.amount, cycle: row.cycle, region: row.region)
    }
}
