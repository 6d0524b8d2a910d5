package import Base

package struct StripeTaxRate: StripeObject {
    package static let object = "tax_rate"

    package let id: String
    package let name: String
    package let isInclusive: Bool
    package let isActive: Bool

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        name = try reader.string("display_name")
        isInclusive = try reader.bool("inclusive")
        isActive = try reader.bool("active")
    }
}
