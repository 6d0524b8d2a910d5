package import Base

package struct StripeCustomer: StripeObject {
    package static let object = "customer"

    package let id: String
    /// A deleted customer has no other members.
    package let isDeleted: Bool
    package let email: String?
    package let name: String?
    package let defaultPaymentMethod: String?
    package let metadata: [String: String]

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        isDeleted = reader.flag("deleted")
        email = reader.text("email")
        name = reader.text("name")
        let settings = StripeReader(unnamed: reader["invoice_settings"] ?? .null, Self.object)
        defaultPaymentMethod = settings.reference("default_payment_method")
        metadata = reader.metadata()
    }
}
