import Modules

/// Money that moved by the ledger, and not by the provider's balance.
struct MissingEntry: Sendable, Hashable {
    /// Of the payout, payment or refund.
    let id: String
    /// The type of the balance transaction that is missing.
    let kind: String
    /// The provider's id of the object.
    let source: String
    let money: Money

    init(row: Row) throws {
        id = try row["id"]
        kind = try row["kind"]
        source = try row["source"]
        money = Money(try row["amount"], try Currency(stored: row["currency"]))
    }
}
