/// Why an attempt to pay failed.
package struct StripePaymentError: Sendable, Hashable, Codable {
    /// Such as `card_declined`; nil where there is none.
    package let code: String?
    /// Such as `insufficient_funds`; nil where there is none.
    package let declineCode: String?
    /// A sentence for people.
    package let message: String?

    init(_ reader: StripeReader) {
        code = reader.text("code")
        declineCode = reader.text("decline_code")
        message = reader.text("message")
    }
}
