package import Base

package struct StripeSetupIntent: StripeObject {
    package static let object = "setup_intent"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case requiresPaymentMethod = "requires_payment_method"
        case requiresConfirmation = "requires_confirmation"
        case requiresAction = "requires_action"
        case processing, canceled, succeeded
    }

    package let id: String
    package let status: StripeState<Status>
    /// For the page of the customer; secret from others.
    package let clientSecret: String?
    package let customer: String?
    package let paymentMethod: String?
    package let lastError: StripePaymentError?
    package let created: Instant
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        clientSecret = reader.text("client_secret")
        customer = reader.reference("customer")
        paymentMethod = reader.reference("payment_method")
        lastError = reader["last_setup_error"].map { StripePaymentError(StripeReader(unnamed: $0, Self.object)) }
        created = try reader.instant("created")
        metadata = reader.metadata()
    }
}
