import Modules

/// A number of units that moves from one account to another.
package struct Movement: Sendable, Hashable {
    /// At least one.
    package let amount: Int64
    package let from: LedgerAccount
    package let to: LedgerAccount
    /// The id of what the units belong to within the accounts, such as a lot of credits.
    package let subject: String?

    package init(_ amount: Int64, from: LedgerAccount, to: LedgerAccount, subject: String? = nil) {
        precondition(amount > 0 && from != to, "a movement has at least one unit and two accounts")
        self.amount = amount
        self.from = from
        self.to = to
        self.subject = subject
    }
}
