package import Base

package struct StripeRefund: StripeObject {
    package static let object = "refund"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case pending
        case requiresAction = "requires_action"
        case succeeded, failed, canceled
    }

    package enum Reason: String, Sendable, Hashable, CaseIterable {
        case duplicate, fraudulent
        case requestedByCustomer = "requested_by_customer"
    }

    package let id: String
    package let status: StripeState<Status>
    package let amount: Money
    package let charge: String?
    package let paymentIntent: String?
    package let balanceTransaction: String?
    package let failureReason: String?
    package let created: Instant
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        amount = try reader.money()
        charge = reader.reference("charge")
        paymentIntent = reader.reference("payment_intent")
        balanceTransaction = reader.reference("balance_transaction")
        failureReason = reader.text("failure_reason")
        created = try reader.instant("created")
        metadata = reader.metadata()
    }
}
