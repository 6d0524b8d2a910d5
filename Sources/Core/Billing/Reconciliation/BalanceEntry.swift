import Modules
import Stripe

/// A balance transaction of the provider.
struct BalanceEntry: Sendable, Hashable {
    let id: String
    /// The provider's `type`, such as `transfer`.
    let kind: String
    /// The object that caused it, such as `tr_…`.
    let source: String?
    let money: Money
    /// Minor units of the same currency.
    let fee: Int64
    let createdAt: Instant

    init(_ transaction: StripeBalanceTransaction) {
        id = transaction.id
        kind = transaction.kind.text
        source = transaction.source
        money = transaction.amount
        fee = transaction.fee.minorUnits
        createdAt = transaction.created
    }
}
