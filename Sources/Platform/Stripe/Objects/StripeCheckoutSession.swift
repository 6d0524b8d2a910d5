package import Base

package struct StripeCheckoutSession: StripeObject {
    package static let object = "checkout.session"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case open, complete, expired
    }

    package enum PaymentStatus: String, Sendable, Hashable, CaseIterable {
        case paid, unpaid
        case noPaymentRequired = "no_payment_required"
    }

    package enum Mode: String, Sendable, Hashable, CaseIterable {
        case payment, setup, subscription
    }

    package let id: String
    package let mode: StripeState<Mode>
    package let status: StripeState<Status>
    package let paymentStatus: StripeState<PaymentStatus>
    /// The hosted page; nil once the session is not open any more.
    package let url: String?
    package let total: Money?
    package let customer: String?
    package let subscription: String?
    package let paymentIntent: String?
    package let invoice: String?
    /// `client_reference_id`.
    package let reference: String?
    package let created: Instant
    package let expiresAt: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        mode = try reader.state("mode")
        status = try reader.state()
        paymentStatus = try reader.state("payment_status")
        url = reader.text("url")
        total = reader["amount_total"] == nil ? nil : try reader.money("amount_total")
        customer = reader.reference("customer")
        subscription = reader.reference("subscription")
        paymentIntent = reader.reference("payment_intent")
        invoice = reader.reference("invoice")
        reference = reader.text("client_reference_id")
        created = try reader.instant("created")
        expiresAt = try reader.instant("expires_at")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
