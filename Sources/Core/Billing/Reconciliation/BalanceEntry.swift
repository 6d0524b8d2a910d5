import Modules
import Stripe

/// A balance transaction of the provider.
struct BalanceEntry: Sendable, Hashable {
    let id: String
    /// The provider's `type`, such as `transfer`.
    let kind: String
    /// The object that caused it, such as `tr_…`.
    let source: String?
    /// The transfer group of a transfer: the id of its payout.
    let transferGroup: String?
    /// The transfer that a reversal takes back.
    let reversedTransfer: String?
    let money: Money
    /// Minor units of the same currency.
    let fee: Int64
    let createdAt: Instant

    /// - Parameter object: the transaction as the provider has written it, with its source expanded.
    init(_ transaction: StripeBalanceTransaction, _ object: JSONValue) {
        id = transaction.id
        kind = transaction.kind.text
        source = transaction.source
        transferGroup = object["source"]?["transfer_group"]?.string
        reversedTransfer = object["source"]?["transfer"]?.string
        money = transaction.amount
        fee = transaction.fee.minorUnits
        createdAt = transaction.created
    }
}
