package import Modules

/// A refund to request.
package struct NewRefund: Sendable {
    package let payment: ID<Payment>
    /// Above zero, in the payment's currency.
    package let amount: Money
    package let reason: String
    /// Unique within the payment, such as `cancel`.
    package let key: String

    package init(of payment: ID<Payment>, amount: Money, reason: String, key: String) {
        precondition(amount.minorUnits > 0, "a refund has an amount above zero")
        self.payment = payment
        self.amount = amount
        self.reason = reason
        self.key = key
    }
}
