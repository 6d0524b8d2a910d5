package import Base

package struct StripePaymentIntent: StripeObject {
    package static let object = "payment_intent"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case requiresPaymentMethod = "requires_payment_method"
        case requiresConfirmation = "requires_confirmation"
        case requiresAction = "requires_action"
        case processing
        case requiresCapture = "requires_capture"
        case succeeded
        case canceled
    }

    /// What a request to cancel may tell.
    package enum CancellationReason: String, Sendable, Hashable, CaseIterable {
        case abandoned, duplicate, fraudulent
        case requestedByCustomer = "requested_by_customer"
    }

    package let id: String
    package let status: StripeState<Status>
    package let amount: Money
    package let amountReceived: Money
    package let amountCapturable: Money
    /// For the page of the customer; secret from others.
    package let clientSecret: String?
    package let customer: String?
    package let paymentMethod: String?
    /// The id of the newest charge.
    package let latestCharge: String?
    /// The newest charge, where the request asked for it.
    package let charge: StripeCharge?
    /// Why the newest attempt failed; nil where it did not.
    package let lastError: StripePaymentError?
    /// The page on which the customer authenticates the payment, where there is one.
    package let redirectURL: String?
    package let transferGroup: String?
    package let cancellationReason: String?
    package let canceledAt: Instant?
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        amount = try reader.money()
        amountReceived = try reader.money("amount_received")
        amountCapturable = try reader.money("amount_capturable")
        clientSecret = reader.text("client_secret")
        customer = reader.reference("customer")
        paymentMethod = reader.reference("payment_method")
        latestCharge = reader.reference("latest_charge")
        charge = try reader.expanded("latest_charge", as: StripeCharge.self)
        lastError = reader["last_payment_error"].map { StripePaymentError(StripeReader(unnamed: $0, Self.object)) }
        redirectURL = reader["next_action"]?["redirect_to_url"]?["url"]?.string
        transferGroup = reader.text("transfer_group")
        cancellationReason = reader.text("cancellation_reason")
        canceledAt = reader.time("canceled_at")
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
