package import Base

package struct StripeCharge: StripeObject {
    package static let object = "charge"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case pending, succeeded, failed
    }

    package let id: String
    package let status: StripeState<Status>
    package let amount: Money
    package let amountCaptured: Money
    package let amountRefunded: Money
    package let isRefunded: Bool
    package let isDisputed: Bool
    package let paymentIntent: String?
    package let customer: String?
    package let balanceTransaction: String?
    package let transferGroup: String?
    package let failureCode: String?
    package let failureMessage: String?
    package let receiptURL: String?
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        amount = try reader.money()
        amountCaptured = try reader.money("amount_captured")
        amountRefunded = try reader.money("amount_refunded")
        isRefunded = try reader.bool("refunded")
        isDisputed = try reader.bool("disputed")
        paymentIntent = reader.reference("payment_intent")
        customer = reader.reference("customer")
        balanceTransaction = reader.reference("balance_transaction")
        transferGroup = reader.text("transfer_group")
        failureCode = reader.text("failure_code")
        failureMessage = reader.text("failure_message")
        receiptURL = reader.text("receipt_url")
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
