/// Minor units that move from one account to another, in the currency of their posting.
package struct MoneyMovement: Sendable, Hashable {
    /// At least one.
    package let amount: Int64
    package let from: MoneyAccount
    package let to: MoneyAccount

    package init(_ amount: Int64, from: MoneyAccount, to: MoneyAccount) {
        self.amount = amount
        self.from = from
        self.to = to
    }
}
