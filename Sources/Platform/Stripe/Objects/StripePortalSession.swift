package import Base

package struct StripePortalSession: StripeObject {
    package static let object = "billing_portal.session"

    package let id: String
    package let customer: String
    package let url: String
    package let created: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        customer = try reader.id("customer")
        url = try reader.string("url")
        created = try reader.instant("created")
    }
}
