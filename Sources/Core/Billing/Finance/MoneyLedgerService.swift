package import Ledger
package import Modules

/// Writes postings of money. All money is posted here, because the totals of the platform change with every posting.
package final class MoneyLedgerService: Sendable {
    private let ledger: LedgerService

    package init(ledger: LedgerService) { self.ledger = ledger }

    /// Writes a posting, changes the balances of its accounts and the totals of the platform, all or none.
    /// - Parameters:
    ///   - kind: the type of the event, such as `payout.transferred`.
    ///   - owner: whose entries list the posting.
    ///   - operation: the unique key of the posting among those of its owner.
    ///   - subject: the id of the payment, payout or dispute.
    /// - Returns: false when the owner used this operation before, and nothing has changed.
    /// - Throws: `ledger-overdrawn`.
    @discardableResult
    package func post(
        _ kind: String, of owner: MoneyOwner, in currency: Currency, operation: String, subject: String,
        reason: String = "", _ movements: [MoneyMovement], in transaction: Transaction
    ) throws -> Bool {
        let posting = Posting(
            kind, of: owner.text, in: LedgerUnit(currency), operation: operation, reason: reason,
            movements.map {
                Movement(
                    $0.amount, from: $0.from.account(in: currency), to: $0.to.account(in: currency), subject: subject)
            })
        guard try ledger.post(posting, in: transaction) != nil else { return false }
        var totals: [MoneyAccount.Name: MoneyTotal] = [:]
        for movement in movements {
            totals[movement.from.name, default: MoneyTotal()].leave(movement.amount)
            totals[movement.to.name, default: MoneyTotal()].enter(movement.amount)
        }
        try transaction.add(totals, in: currency)
        return true
    }

    /// Locks an account until the transaction ends.
    /// - Returns: its balance in minor units.
    package func lock(_ account: MoneyAccount, in currency: Currency, _ transaction: Transaction) throws -> Int64 {
        try ledger.lock(account.account(in: currency), in: transaction)
    }

    /// The balances of an owner's accounts, in minor units; accounts without movements are missing.
    package func balances(of owner: MoneyOwner, in currency: Currency, _ transaction: Transaction) throws
        -> [MoneyAccount.Name: Int64]
    {
        let balances = try ledger.balances(of: owner.text, in: LedgerUnit(currency), transaction)
        return Dictionary(
            balances.compactMap { name, balance in MoneyAccount.Name(rawValue: name).map { ($0, balance) } }
        ) { first, _ in first }
    }
}
