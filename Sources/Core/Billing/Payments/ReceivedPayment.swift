package import Modules

/// Money that has arrived without ``PaymentService/begin(_:in:)``: a subscription's invoice, or UPI.
package struct ReceivedPayment: Sendable {
    package let payment: NewPayment
    package let method: Payment.Method
    /// Unique: the same one is recorded once. `in_…`, or the bank's reference.
    package let providerID: String
    /// By which it can be refunded; nil where it cannot.
    package let intentID: String?
    package let chargeID: String?
    package let receivedAt: Instant
    /// Where the money is: `provider`, or the account that it was posted to before it was known what it pays.
    package let source: MoneyAccount

    package init(
        _ payment: NewPayment, by method: Payment.Method, providerID: String, intentID: String? = nil,
        chargeID: String? = nil, receivedAt: Instant, source: MoneyAccount = .provider
    ) {
        self.payment = payment
        self.method = method
        self.providerID = providerID
        self.intentID = intentID
        self.chargeID = chargeID
        self.receivedAt = receivedAt
        self.source = source
    }
}
