package import Modules

/// Double-entry accounting in whole units: credits, or the minor units of a currency.
///
/// A ``Posting`` is a list of movements; each subtracts units from one account and adds them to another account of the
/// same unit. The tables store nothing else, so that all balances of a unit sum to 0. Postings are never changed: a
/// further posting corrects an earlier one and names it. Balances are stored with their accounts, changed by guarded
/// statements in the transaction of the movements, and can be computed for any moment from the movements.
package final class LedgerService: Sendable {
    private let runtime: Runtime

    package init(runtime: Runtime) { self.runtime = runtime }

    /// Writes a posting and changes the balances, all or none.
    /// - Returns: the posting's id; nil when its owner used this operation before, and nothing has changed.
    /// - Throws: `ledger-overdrawn` when the balance of an account that may not be negative would fall below 0.
    @discardableResult
    package func post(_ posting: Posting, in transaction: Transaction) throws -> ID<Posting>? {
        precondition(!posting.movements.isEmpty, "a posting has movements")
        let id: ID<Posting> = runtime.id()
        guard try transaction.insert(posting, id) else { return nil }
        var changes: [LedgerAccount: Int64] = [:]
        for movement in posting.movements {
            precondition(
                movement.from.unit == posting.unit && movement.to.unit == posting.unit,
                "all movements of a posting have its unit")
            changes[movement.from, default: 0] -= movement.amount
            changes[movement.to, default: 0] += movement.amount
        }
        // All transactions lock accounts in the same order, which prevents deadlocks.
        var ids: [LedgerAccount: ID<LedgerAccount>] = [:]
        for (account, change) in changes.sorted(by: { $0.key < $1.key }) {
            guard let known = try transaction.change(account, by: change, orInsertAs: runtime.id()) else {
                throw Problem(.ledgerOverdrawn, detail: "The balance of the account '\(account.name)' is too low.")
            }
            ids[account] = known
        }
        for (number, movement) in posting.movements.enumerated() {
            guard let from = ids[movement.from], let to = ids[movement.to] else {
                preconditionFailure("every account of a movement has a change")
            }
            try transaction.insert(movement, number, from: from, to: to, of: posting, id)
        }
        return id
    }

    /// Locks an account until the transaction ends; inserts it where it is new. Methods that read before they post call
    /// it first.
    /// - Returns: the account's balance.
    @discardableResult
    package func lock(_ account: LedgerAccount, in transaction: Transaction) throws -> Int64 {
        try transaction.lock(account, orInsertAs: runtime.id())
    }

    /// - Returns: the posting of an operation; nil when there is none.
    package func posting(ofOperation operation: String, of owner: String, in transaction: Transaction) throws
        -> LedgerEntry?
    {
        try transaction.ledgerEntry("operation_key = \(operation)", of: owner)
    }

    /// - Returns: nil for a posting that does not exist or has another owner.
    package func posting(_ id: ID<Posting>, of owner: String, in transaction: Transaction) throws -> LedgerEntry? {
        try transaction.ledgerEntry("id = \(id)", of: owner)
    }

    /// - Returns: the posting that corrects another one, of which there is at most one; nil where it is not corrected.
    package func correction(of id: ID<Posting>, of owner: String, in transaction: Transaction) throws -> LedgerEntry? {
        try transaction.ledgerEntry("corrects = \(id)", of: owner)
    }

    /// The current balances of an owner's accounts, by name; accounts without movements are missing.
    package func balances(of owner: String, in unit: LedgerUnit, _ transaction: Transaction) throws -> [String: Int64] {
        try transaction.ledgerBalances(of: owner, in: unit)
    }

    /// The balances of an owner's accounts at a moment, computed from the movements up to and including it.
    package func balances(of owner: String, in unit: LedgerUnit, at moment: Instant, _ transaction: Transaction) throws
        -> [String: Int64]
    {
        try transaction.ledgerBalances(of: owner, in: unit, at: moment)
    }

    /// A page of an owner's postings with their movements, newest first, and the total number.
    /// - Parameter moment: excludes later postings; nil for all.
    package func entries(
        of owner: String, in unit: LedgerUnit, until moment: Instant?, limit: Int, offset: Int,
        _ transaction: Transaction
    ) throws -> (rows: [LedgerEntry], total: Int64) {
        try transaction.ledgerEntries(of: owner, in: unit, until: moment, limit: limit, offset: offset)
    }

    /// Replaces an owner by a pseudonym and deletes reasons and operation keys. Balances stay.
    package func pseudonymise(owner: String, as pseudonym: String, in transaction: Transaction) throws {
        try transaction.renameLedgerOwner(owner, to: pseudonym)
    }
}

extension Problem.Kind {
    package static let ledgerOverdrawn = Self(
        "ledger-overdrawn", "The balance of the account is too low", status: 409)
}
