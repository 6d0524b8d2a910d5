import Base

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
    /// A sentence for people, of up to 500 characters.
    package let message: String
    /// The payment intent whose payment was declined: it exists, and can be paid in another way.
    package let paymentIntent: String?

    package init(
        status: Int, type: String, code: String? = nil, declineCode: String? = nil, message: String,
        paymentIntent: String? = nil
    ) {
        self.status = status
        self.type = type
        self.code = code
        self.declineCode = declineCode
        self.message = message
        self.paymentIntent = paymentIntent
    }

    /// Reads the `error` of a response.
    /// - Returns: nil for a response that is not Stripe's.
    init?(status: Int, body: JSONValue, removing secret: String) {
        guard let error = body["error"], let type = error["type"]?.string else { return nil }
        let message = error["message"]?.string ?? "Stripe gave no reason."
        self.init(
            status: status,
            type: type,
            code: error["code"]?.string,
            declineCode: error["decline_code"]?.string,
            message: String(message.replacing(secret, with: "…").prefix(500)),
            paymentIntent: error["payment_intent"]?["id"]?.string)
    }

    /// There is no object with this id.
    package var isMissing: Bool { status == 404 || code == "resource_missing" }
}

extension StripeRefusal: CustomStringConvertible {
    package var description: String {
        let codes = [type, code, declineCode].compactMap { $0 }.joined(separator: ", ")
        return "Stripe refused (\(status), \(codes)): \(message)"
    }
}
