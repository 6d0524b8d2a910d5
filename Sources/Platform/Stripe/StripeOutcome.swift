package import Base

/// What is known after a request to Stripe.
package enum StripeOutcome: Sendable {
    /// Stripe has done it; the object of the response.
    case done(JSONValue)
    /// Stripe has not done it and will not: a definite refusal.
    case refused(StripeRefusal)
    /// Stripe may have done it: no complete response, a status of 500 or more, or a conflict of idempotency keys.
    case unknown(reason: String)
}

/// Why Stripe refused a request. It contains no secret and no data of a card.
package struct StripeRefusal: Error, Sendable, Hashable, Codable {
    /// The HTTP status.
    package let status: Int
    /// Stripe's `type`, such as `card_error`.
    package let type: String
    /// Stripe's `code`, such as `card_declined`; nil where there is none.
    package let code: String?
    /// Stripe's `decline_code`; nil where there is none.
    package let declineCode: String?
    /// A sentence for people.
    package let message: String

    package init(status: Int, type: String, code: String? = nil, declineCode: String? = nil, message: String) {
        self.status = status
        self.type = type
        self.code = code
        self.declineCode = declineCode
        self.message = message
    }
}
