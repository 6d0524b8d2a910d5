package import Base

package struct StripeTransfer: StripeObject {
    package static let object = "transfer"

    package let id: String
    package let amount: Money
    package let amountReversed: Money
    /// Whether all of it is reversed.
    package let isReversed: Bool
    /// The connected account; nil for one that was deleted.
    package let destination: String?
    package let transferGroup: String?
    package let sourceCharge: String?
    package let balanceTransaction: String?
    package let created: Instant
    package let isLive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        amount = try reader.money()
        amountReversed = try reader.money("amount_reversed")
        isReversed = try reader.bool("reversed")
        destination = reader.reference("destination")
        transferGroup = reader.text("transfer_group")
        sourceCharge = reader.reference("source_transaction")
        balanceTransaction = reader.reference("balance_transaction")
        created = try reader.instant("created")
        isLive = try reader.bool("livemode")
        metadata = reader.metadata()
    }
}
