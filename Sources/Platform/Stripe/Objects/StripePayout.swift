package import Base

/// Money that leaves a balance at Stripe for a bank account.
package struct StripePayout: StripeObject {
    package static let object = "payout"

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case pending
        case inTransit = "in_transit"
        case paid, failed, canceled
    }

    package let id: String
    package let status: StripeState<Status>
    package let amount: Money
    package let balanceTransaction: String?
    package let failureCode: String?
    package let failureMessage: String?
    package let arrivalDate: Instant
    package let created: Instant
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        status = try reader.state()
        amount = try reader.money()
        balanceTransaction = reader.reference("balance_transaction")
        failureCode = reader.text("failure_code")
        failureMessage = reader.text("failure_message")
        arrivalDate = try reader.instant("arrival_date")
        created = try reader.instant("created")
        metadata = reader.metadata()
    }
}
