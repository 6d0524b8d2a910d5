package import Base

package struct StripePaymentMethod: StripeObject {
    package static let object = "payment_method"

    package struct Card: Sendable, Hashable {
        /// Such as `visa`.
        package let brand: String
        package let lastFour: String
        package let expiryMonth: Int64
        package let expiryYear: Int64
    }

    package let id: String
    /// Such as `card`.
    package let type: String
    /// Nil for a method that is attached to no customer.
    package let customer: String?
    /// Nil for another type.
    package let card: Card?
    package let created: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        type = try reader.string("type")
        customer = reader.reference("customer")
        if let member = reader["card"] {
            let card = StripeReader(unnamed: member, Self.object)
            self.card = Card(
                brand: try card.string("brand"), lastFour: try card.string("last4"),
                expiryMonth: try card.integer("exp_month"), expiryYear: try card.integer("exp_year"))
        } else {
            card = nil
        }
        created = try reader.instant("created")
    }
}
