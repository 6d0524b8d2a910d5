import Ledger
import Modules

struct CreditCorrection: Payload {
    /// Above 0 grants credits, below 0 revokes them.
    var units: Int64
    /// Shown to the customer with the entry.
    var reason: String
    /// The expiry of granted credits; without it, they do not expire.
    var expiresAt: Instant?
    /// The entry that this one corrects.
    var corrects: ID<Posting>?
    /// The lot to revoke from; without it, the soonest to expire.
    var lotId: ID<CreditLot>?

    static let rules: [String: Rule] = ["units": .range(-1_000_000_000...1_000_000_000), "reason": .length(1...500)]
}

struct CreditStatement: Payload {
    struct Expiry: Payload {
        var at: Instant
        var units: Int64
    }

    struct Lot: Payload {
        var id: ID<CreditLot>
        var origin: CreditLot.Origin
        /// The sum of the five counts below.
        var granted: Int64
        var available: Int64
        var reserved: Int64
        var consumed: Int64
        var expired: Int64
        /// Revoked by a correction.
        var reversed: Int64
        var expiresAt: Instant?
        var createdAt: Instant

        init(_ lot: CreditLot, at now: Instant) {
            let isExpired = lot.isExpired(at: now)
            id = lot.id
            origin = lot.origin
            granted = lot.granted
            available = isExpired ? 0 : lot.available
            reserved = lot.reserved
            consumed = lot.consumed
            expired = lot.expired + (isExpired ? lot.available : 0)
            reversed = lot.reversed
            expiresAt = lot.expiresAt
            createdAt = lot.createdAt
        }
    }

    /// Credits that can be spent.
    var available: Int64
    /// Reserved for work in progress.
    var reserved: Int64
    /// Owed for work that used more than was available; while it is above 0, nothing can be spent.
    var debt: Int64
    /// The next expiry of available credits.
    var nextExpiry: Expiry?
    /// In the order in which they are spent, then used-up lots; at most 200.
    var lots: [Lot]

    init(_ balance: CreditBalance, _ lots: [CreditLot], at now: Instant) {
        available = balance.available
        reserved = balance.reserved
        debt = balance.debt
        self.lots = lots.map { Lot($0, at: now) }
        nextExpiry = self.lots.first { $0.available > 0 }?.expiresAt.map { [lots = self.lots] end in
            Expiry(at: end, units: lots.filter { $0.expiresAt == end }.reduce(0) { $0 + $1.available })
        }
    }
}

/// The balances of an organisation's credits at a moment.
struct CreditPosition: Payload {
    var asOf: Instant
    /// The sum of the five counts below, less the debt.
    var granted: Int64
    var available: Int64
    var reserved: Int64
    var consumed: Int64
    var expired: Int64
    var reversed: Int64
    var debt: Int64

    init(_ accounts: [String: Int64], at moment: Instant, overdue: Int64) {
        func balance(_ account: CreditAccount) -> Int64 { accounts[account.name] ?? 0 }
        asOf = moment
        granted = -balance(.issued)
        available = balance(.state(.available)) - overdue
        reserved = balance(.state(.reserved))
        consumed = balance(.state(.consumed))
        expired = balance(.state(.expired)) + overdue
        reversed = balance(.state(.reversed))
        debt = -balance(.debt)
    }
}

/// A posting to the credits of an organisation. It is never changed: a further entry corrects it.
struct CreditEntry: Payload {
    enum Kind: String, Codable, CaseIterable, Sendable {
        case granted, reserved, committed, released
        /// The lease of the hold ended.
        case lapsed
        case spent, expired
        /// The trial was extended.
        case extended
        case corrected
    }

    struct Step: Payload {
        var units: Int64
        var from: String
        var to: String
        var lotId: ID<CreditLot>?
    }

    var id: ID<Posting>
    var kind: Kind
    var occurredAt: Instant
    /// The reason of a correction, or the operation key of the work.
    var reason: String?
    /// The entry that this one corrects.
    var corrects: ID<Posting>?
    /// From one account to another: `issued`, `available`, `reserved`, `consumed`, `expired`, `reversed`, `debt`.
    var steps: [Step]

    init(_ entry: LedgerEntry) throws {
        guard let kind = Kind(rawValue: entry.kind) else {
            throw StorageError(.other, code: "credits", message: "unknown kind of entry '\(entry.kind)'")
        }
        id = entry.id
        self.kind = kind
        occurredAt = entry.occurredAt
        reason = entry.reason.isEmpty ? nil : entry.reason
        corrects = entry.corrects
        steps = entry.steps.map {
            Step(units: $0.amount, from: $0.from, to: $0.to, lotId: $0.subject.map { ID(trusted: $0) })
        }
    }
}
