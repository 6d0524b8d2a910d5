package import Base

package struct StripeTransferReversal: StripeObject {
    package static let object = "transfer_reversal"

    package let id: String
    package let amount: Money
    package let transfer: String
    package let balanceTransaction: String?
    package let created: Instant
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        amount = try reader.money()
        transfer = try reader.id("transfer")
        balanceTransaction = reader.reference("balance_transaction")
        created = try reader.instant("created")
        metadata = reader.metadata()
    }
}
