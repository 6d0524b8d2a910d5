import Modules
import Stripe

struct PaymentMethodView: Payload {
    var id: String
    /// Such as `card`.
    var type: String
    /// Such as `visa`.
    var brand: String?
    var last4: String?
    var expMonth: Int64?
    var expYear: Int64?
    /// Whether renewals are paid with it.
    var isDefault: Bool

    init(_ method: StripePaymentMethod, isDefault: Bool) {
        id = method.id
        type = method.type
        brand = method.card?.brand
        last4 = method.card?.lastFour
        expMonth = method.card?.expiryMonth
        expYear = method.card?.expiryYear
        self.isDefault = isDefault
    }
}

struct PaymentMethodList: Payload {
    var paymentMethods: [PaymentMethodView]

    var listTotal: Int64? { Int64(paymentMethods.count) }
}

struct PaymentMethodChoice: Payload {
    /// A method at the provider, `pm_…`.
    var paymentMethodId: String?
    /// The same as `payment_method_id`.
    var paymentMethod: String?

    static let rules: [String: Rule] = ["payment_method_id": .length(1...255), "payment_method": .length(1...255)]

    /// - Throws: `validation-failed`.
    func selected() throws(Problem) -> String {
        if let paymentMethodId, let paymentMethod, paymentMethodId != paymentMethod {
            throw Problem.invalid("/payment_method", "contradicts payment_method_id")
        }
        guard let method = paymentMethodId ?? paymentMethod else {
            throw Problem.invalid("/payment_method_id", "is required")
        }
        guard method.hasPrefix("pm_"), ProviderObjectID.isValid(method) else {
            throw Problem.invalid("/payment_method_id", "is a method of the payment provider, pm_…")
        }
        return method
    }
}

/// What a client needs to enter a payment method.
struct SetupIntentView: Payload {
    var setupIntentId: String
    var clientSecret: String
    var publishableKey: String?
}
