package import Identity
package import Modules

/// Money that goes back to the payer. It is taken from the payment's destination when it is requested, and put back
/// where the provider refuses it or it fails.
///
/// | state | event | next | ledger |
/// |---|---|---|---|
/// | – | request, within what was paid | requested | destination → refund_pending |
/// | requested | the provider accepts | pending, succeeded | –, refund_pending → provider |
/// | requested | the provider refuses | failed | refund_pending → destination |
/// | pending | succeeded | succeeded | refund_pending → provider |
/// | requested, pending | failed, canceled | failed | refund_pending → destination |
/// | succeeded | failed later, as a bank may report for weeks | failed | provider → destination |
/// | failed | anything | the same | – |
package struct Refund: Sendable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case requested, pending, succeeded, failed
    }

    package let id: ID<Refund>
    package let payment: ID<Payment>
    package let organisation: ID<Organisation>
    package let amount: Money
    package let reason: String
    /// Unique within the payment: a repeat returns the first.
    package let key: String
    package internal(set) var state: State
    /// `re_…`; nil until the provider has answered.
    package internal(set) var providerID: String?
    package internal(set) var failureCode: String?
    package let createdAt: Instant
    package internal(set) var settledAt: Instant?
}

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
