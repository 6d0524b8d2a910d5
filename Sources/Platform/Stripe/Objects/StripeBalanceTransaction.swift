package import Base

/// A movement of the balance at Stripe.
package struct StripeBalanceTransaction: StripeObject {
    package static let object = "balance_transaction"

    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case charge, payment, refund, adjustment, transfer, payout
        case paymentRefund = "payment_refund"
        case transferRefund = "transfer_refund"
        case transferCancel = "transfer_cancel"
        case transferFailure = "transfer_failure"
        case refundFailure = "refund_failure"
        case paymentFailureRefund = "payment_failure_refund"
        case payoutFailure = "payout_failure"
        case payoutCancel = "payout_cancel"
        case stripeFee = "stripe_fee"
    }

    package enum Status: String, Sendable, Hashable, CaseIterable {
        case available, pending
    }

    package let id: String
    package let kind: StripeState<Kind>
    package let status: StripeState<Status>
    /// Before fees; negative where the balance becomes smaller.
    package let amount: Money
    package let fee: Money
    /// What the balance changes by: `amount` less `fee`.
    package let net: Money
    /// The id of the object that caused it; nil where there is none.
    package let source: String?
    /// Such as `charge`, `dispute`, `dispute_reversal`, `transfer_reversal`.
    package let reportingCategory: String
    package let description: String?
    package let availableOn: Instant
    package let created: Instant

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, Self.object)
        id = try reader.string("id")
        kind = try reader.state("type")
        status = try reader.state()
        amount = try reader.money()
        fee = try reader.money("fee")
        net = try reader.money("net")
        source = reader.reference("source")
        reportingCategory = try reader.string("reporting_category")
        description = reader.text("description")
        availableOn = try reader.instant("available_on")
        created = try reader.instant("created")
    }
}
