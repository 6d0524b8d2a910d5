package import Base

package struct StripeCoupon: StripeObject {
    package static let object = "coupon"

    package enum Duration: String, Sendable, Hashable, CaseIterable {
        case once, repeating, forever
    }

    package enum Discount: Sendable, Hashable {
        /// In hundredths of a percent: 2,500 are 25 %.
        case percent(hundredths: Int64)
        case amount(Money)
    }

    package let id: String
    package let isDeleted: Bool
    /// Whether it can be given.
    package let isValid: Bool

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        isDeleted = reader.flag("deleted")
        isValid = reader.flag("valid")
    }
}
