package import Base

package struct StripeProduct: StripeObject {
    package static let object = "product"

    package let id: String
    package let name: String
    package let isActive: Bool
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        name = try reader.string("name")
        isActive = try reader.bool("active")
        metadata = reader.metadata()
    }
}
