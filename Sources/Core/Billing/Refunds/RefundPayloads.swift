package import Modules

/// The body of a refund by an administrator.
struct RefundRequest: Payload {
    /// In major units; all that can be refunded by default.
    var amount: DecimalNumber?
    /// In minor units.
    var amountMinor: Int64?
    var reason: String

    static let rules: [String: Rule] = ["amount_minor": .range(1...1_000_000_000_000_000), "reason": .length(1...500)]
}

/// A refund that an administrator has made at the bank.
struct RefundSettlement: Payload {
    /// The bank's reference of the money that was returned; used once.
    var bankReference: String

    static let rules: [String: Rule] = ["bank_reference": .length(4...64)]
}

/// A refund, as administrators see it.
package struct RefundView: Payload {
    package var id: ID<Refund>
    package var paymentId: ID<Payment>
    package var status: Refund.State
    /// In major units.
    package var amount: DecimalNumber
    package var amountMinor: Int64
    package var currency: String
    package var reason: String
    package var failureCode: String?
    /// The bank's reference of a refund that an administrator has made there.
    package var bankReference: String?
    package var createdAt: Instant
    package var settledAt: Instant?

    package init(_ refund: Refund) {
        id = refund.id
        paymentId = refund.payment
        status = refund.state
        amount = refund.amount.major
        amountMinor = refund.amount.minorUnits
        currency = refund.amount.currency.code
        reason = refund.reason
        failureCode = refund.failureCode
        bankReference = refund.bankReference
        createdAt = refund.createdAt
        settledAt = refund.settledAt
    }
}
