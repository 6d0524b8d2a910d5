package import Base

package struct StripeBalance: StripeObject {
    package static let object = "balance"

    /// What can be transferred and paid out, one amount per currency.
    package let available: [Money]
    /// What becomes available later.
    package let pending: [Money]
    package let isLive: Bool

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        available = try Self.amounts("available", in: reader)
        pending = try Self.amounts("pending", in: reader)
        isLive = try reader.bool("livemode")
    }

    private static func amounts(_ member: String, in reader: StripeReader) throws(StripeObjectFault) -> [Money] {
        var amounts: [Money] = []
        for element in try reader.require(reader[member]?.array, member) {
            amounts.append(try StripeReader(unnamed: element, object).money())
        }
        return amounts
    }
}
