package import Base

package struct StripeAccountLink: StripeObject {
    package static let object = "account_link"

    package let url: String
    package let created: Instant
    package let expiresAt: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        url = try reader.string("url")
        created = try reader.instant("created")
        expiresAt = try reader.instant("expires_at")
    }
}
