package import Modules

/// Double-entry bookkeeping in whole units of something: credits, or the minor units of a currency.
///
/// Nothing is ever counted up or down alone. A ``Posting`` is a list of movements, each of which takes units out of one account and puts
/// as many into another of the same unit; the tables know no other way to write anything, so that whatever is posted sums to zero. What
/// was posted is never changed: a mistake is mended by a further posting that names the one it corrects. Balances are kept with their
/// accounts, changed by guarded statements in the transaction of the movements, and can be told for any moment from the movements alone.
package struct Ledger: Sendable {
    let runtime: Runtime

    package init(runtime: Runtime) { self.runtime = runtime }

    package static let migrations = LedgerSchema.migrations

    /// Writes a posting down and moves its units, all of them or none.
    /// - Returns: the posting's id; nil when its owner posted under this operation before: nothing has changed then.
    /// - Throws: `ledger-overdrawn` when an account would fall below zero that may not.
    @discardableResult
    package func post(_ posting: Posting, in transaction: Transaction) throws -> ID<Posting>? {
        precondition(!posting.movements.isEmpty, "a posting moves something")
        let id: ID<Posting> = runtime.id()
        guard try transaction.insert(posting, id) else { return nil }
        var changes: [LedgerAccount: Int64] = [:]
        for movement in posting.movements {
            precondition(
                movement.from.unit == posting.unit && movement.to.unit == posting.unit,
                "all movements of a posting are in its unit")
            changes[movement.from, default: 0] -= movement.amount
            changes[movement.to, default: 0] += movement.amount
        }
        // Everybody changes accounts in the same order, so that nobody waits for somebody who waits for them.
        var ids: [LedgerAccount: ID<LedgerAccount>] = [:]
        for (account, change) in changes.sorted(by: { $0.key < $1.key }) {
            guard let known = try transaction.change(account, by: change, orInsertAs: runtime.id()) else {
                throw Problem(.ledgerOverdrawn, detail: "There is not so much in the account '\(account.name)'.")
            }
            ids[account] = known
        }
        for (number, movement) in posting.movements.enumerated() {
            guard let from = ids[movement.from], let to = ids[movement.to] else {
                preconditionFailure("every account of a movement was changed")
            }
            try transaction.insert(movement, number, from: from, to: to, of: posting, id)
        }
        return id
    }

    /// Keeps an account from everybody else until the transaction ends; a new one is made. Verbs that look before they post begin with it.
    /// - Returns: its balance.
    @discardableResult
    package func lock(_ account: LedgerAccount, in transaction: Transaction) throws -> Int64 {
        try transaction.lock(account, orInsertAs: runtime.id())
    }

    /// What was posted under an operation.
    /// - Returns: nil when nothing was.
    package func posting(ofOperation operation: String, of owner: String, in transaction: Transaction) throws
        -> LedgerEntry?
    {
        try transaction.ledgerEntry("operation_key = \(operation)", of: owner)
    }

    /// - Returns: nil for a posting that does not exist or is somebody else's.
    package func posting(_ id: ID<Posting>, of owner: String, in transaction: Transaction) throws -> LedgerEntry? {
        try transaction.ledgerEntry("id = \(id)", of: owner)
    }

    /// The posting that puts another one right; there is one at most.
    /// - Returns: nil for a posting that stands.
    package func correction(of id: ID<Posting>, of owner: String, in transaction: Transaction) throws -> LedgerEntry? {
        try transaction.ledgerEntry("corrects = \(id)", of: owner)
    }

    /// What lies in each of somebody's accounts now, by the account's name; accounts that were never used are missing.
    package func balances(of owner: String, in unit: LedgerUnit, _ transaction: Transaction) throws -> [String: Int64] {
        try transaction.ledgerBalances(of: owner, in: unit)
    }

    /// What lay in each of somebody's accounts at a moment, computed from the movements up to and including it.
    package func balances(of owner: String, in unit: LedgerUnit, at moment: Instant, _ transaction: Transaction) throws
        -> [String: Int64]
    {
        try transaction.ledgerBalances(of: owner, in: unit, at: moment)
    }

    /// Somebody's postings with their movements, the newest first, and how many there are in all.
    /// - Parameter moment: leaves out what happened after it; nil for everything.
    package func entries(
        of owner: String, in unit: LedgerUnit, until moment: Instant?, limit: Int, offset: Int,
        _ transaction: Transaction
    ) throws -> (rows: [LedgerEntry], total: Int64) {
        try transaction.ledgerEntries(of: owner, in: unit, until: moment, limit: limit, offset: offset)
    }

    /// Takes an owner out of the books, which go on to balance: another name stands in their place, and what was said in words or by
    /// clients' keys goes.
    package func forget(owner: String, as pseudonym: String, in transaction: Transaction) throws {
        try transaction.renameLedgerOwner(owner, to: pseudonym)
    }
}

/// What is counted: credits, or the minor units of a currency. Units of different kinds are never added.
package struct LedgerUnit: Sendable, Hashable, SQLBindable, SQLReadable {
    package let code: String

    private init(code: String) { self.code = code }
    /// The minor units of a currency.
    package init(_ currency: Currency) { self.init(code: currency.code) }
    package static let credits = LedgerUnit(code: "credits")

    package var sqlValue: SQL.Value { .text(code) }
    package init?(sqlValue: SQL.Value) {
        guard let code = String(sqlValue: sqlValue) else { return nil }
        self.init(code: code)
    }
}

/// A place where units lie. It comes to be with its first movement.
package struct LedgerAccount: Sendable, Hashable, Comparable {
    /// Whose it is: the id of an organisation, or a name of the house's own.
    package let owner: String
    /// What lies there, such as `available`.
    package let name: String
    package let unit: LedgerUnit
    /// Where units come from, and what is owed, lies below zero; everywhere else nothing can be taken that is not there.
    package let mayBeNegative: Bool

    package init(_ name: String, of owner: String, in unit: LedgerUnit, mayBeNegative: Bool = false) {
        self.owner = owner
        self.name = name
        self.unit = unit
        self.mayBeNegative = mayBeNegative
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.owner, left.unit.code, left.name) < (right.owner, right.unit.code, right.name)
    }
}

/// Units on their way from one account to another.
package struct Movement: Sendable, Hashable {
    /// At least one.
    package let amount: Int64
    package let from: LedgerAccount
    package let to: LedgerAccount
    /// The thing below the accounts that the units belong to, by id, such as a lot of credits.
    package let subject: String?

    package init(_ amount: Int64, from: LedgerAccount, to: LedgerAccount, subject: String? = nil) {
        precondition(amount > 0 && from != to, "a movement takes something from one account to another")
        self.amount = amount
        self.from = from
        self.to = to
        self.subject = subject
    }
}

/// Something to be written down: movements that belong together.
package struct Posting: Sendable {
    /// In whose books it is found.
    package let owner: String
    package let unit: LedgerUnit
    /// What happened, such as `granted`.
    package let kind: String
    /// Names the posting for good among its owner's: the same one is never posted twice.
    package let operation: String
    /// What the operation is about, where clients name operations: the same key for something else is a conflict.
    package let fingerprint: String
    /// Why, in words or by the name of the work.
    package let reason: String
    /// The posting that this one puts right.
    package let corrects: ID<Posting>?
    /// When it happened; nil for now. Balances as of a moment go by this.
    package let occurredAt: Instant?
    package let movements: [Movement]

    package init(
        _ kind: String,
        of owner: String,
        in unit: LedgerUnit,
        operation: String,
        fingerprint: String = "",
        reason: String = "",
        corrects: ID<Posting>? = nil,
        occurredAt: Instant? = nil,
        _ movements: [Movement]
    ) {
        self.kind = kind
        self.owner = owner
        self.unit = unit
        self.operation = operation
        self.fingerprint = fingerprint
        self.reason = reason
        self.corrects = corrects
        self.occurredAt = occurredAt
        self.movements = movements
    }
}

/// A posting as it was written down.
package struct LedgerEntry: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        package let amount: Int64
        /// The names of the accounts.
        package let from: String
        package let to: String
        package let subject: String?
    }

    package let id: ID<Posting>
    package let kind: String
    package let operation: String
    package let fingerprint: String
    package let reason: String
    package let corrects: ID<Posting>?
    package let occurredAt: Instant
    package internal(set) var steps: [Step] = []
}

extension Problem.Kind {
    package static let ledgerOverdrawn = Self("ledger-overdrawn", "The account does not hold so much", status: 409)
}
