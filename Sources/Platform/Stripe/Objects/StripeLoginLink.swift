package import Base

package struct StripeLoginLink: StripeObject {
    package static let object = "login_link"

    package let url: String
    package let created: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        url = try reader.string("url")
        created = try reader.instant("created")
    }
}
