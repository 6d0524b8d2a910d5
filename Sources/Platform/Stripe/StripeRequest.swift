/// A request to Stripe, which can be stored and sent again unchanged.
package struct StripeRequest: Sendable, Hashable, Codable {
    package enum Method: String, Sendable, Hashable, Codable {
        case get = "GET"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// Begins with `/v1/`; the ids in it are validated.
    package let path: String
    package var form: StripeForm
    /// The connected account that the request acts for; nil for the platform's own.
    package var account: String?

    package init(_ method: Method, _ path: String, form: StripeForm = StripeForm(), account: String? = nil) {
        self.method = method
        self.path = path
        self.form = form
        self.account = account
    }
}
