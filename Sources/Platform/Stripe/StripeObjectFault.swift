/// An object of Stripe lacks a member, or has it with another type. It contains no value of the object.
package struct StripeObjectFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Such as `payment_intent`.
    package let object: String
    /// Such as `latest_charge`.
    package let member: String

    package init(object: String, member: String) {
        self.object = object
        self.member = member
    }

    package var description: String { "Stripe's \(object) has no readable \(member)" }
}
