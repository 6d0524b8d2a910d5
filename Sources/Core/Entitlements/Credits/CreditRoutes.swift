import Identity
import Ledger
import Modules

extension EntitlementsModule {
    /// What there is to spend, and what became of it.
    var creditRoutes: [Route] {
        [
            .get(
                "credits", "The credits that are left, and the lots that they lie in",
                requires: identity.member.allowing(.entitlementsCheck)
            ) { scope in
                try await creditService.statement(of: scope.organisation)
            },
            .get(
                "credits/balance",
                "Where the credits were at a moment",
                requires: identity.member.allowing(.entitlementsCheck), .query("as_of", of: Instant.self)
            ) { scope, moment in try await creditService.balance(of: scope.organisation, at: moment) },
            .get(
                "credits/entries",
                "What happened to the credits, the newest first",
                requires: identity.member.allowing(.entitlementsCheck), .query("as_of", of: Instant.self),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { scope, moment, limit, offset in
                try await creditService.entries(of: scope.organisation, until: moment, limit: limit, offset: offset)
            },
            .get(
                "admin/credits/{user_id}", "An account's credits", requires: identity.role(.admin),
                .path("user_id", of: Person.self)
            ) { _, person in
                try await creditService.statement(of: person)
            },
            .get(
                "admin/credits/{user_id}/entries",
                "What happened to an account's credits, the newest first",
                requires: identity.role(.admin), .path("user_id", of: Person.self), .query("as_of", of: Instant.self),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { _, person, moment, limit, offset in
                try await creditService.entries(of: person, until: moment, limit: limit, offset: offset)
            },
            .post(
                "admin/credits/{user_id}/corrections",
                "Give an account credits, or take some back, by an entry of its own",
                requires: identity.role(.admin), .path("user_id", of: Person.self), .header(.idempotencyKey),
                problems: [.creditsNotAvailable, .alreadyCorrected, .operationConflict]
            ) { (request: CreditCorrection, scope, person, key) in
                Created(try await creditService.correct(request, key: key, scope: scope, person: person))
            },
        ]
    }
}

/// Looking at credits.
extension CreditService {
    /// How many lots are shown: those that still hold something come first.
    private static let lotsMax = 200

    func statement(of organisation: ID<Organisation>) async throws(Problem) -> CreditStatement {
        try await database.read { try statement(of: organisation, in: $0) }
    }

    /// - Throws: `not-found` for an unknown account.
    func statement(of person: ID<Person>) async throws(Problem) -> CreditStatement {
        try await database.read { try statement(of: organisation(of: person, in: $0), in: $0) }
    }

    /// - Parameter moment: nil for the present moment.
    func balance(of organisation: ID<Organisation>, at moment: Instant?) async throws(Problem) -> CreditPosition {
        try await database.read { transaction in
            let moment = moment ?? transaction.now
            let accounts = try ledger.balances(of: organisation.text, in: .credits, at: moment, transaction)
            return CreditPosition(
                accounts, at: moment, overdue: try transaction.overdueCredits(of: organisation, at: moment))
        }
    }

    func entries(of organisation: ID<Organisation>, until moment: Instant?, limit: Int, offset: Int)
        async throws(Problem) -> CreditEntryPage
    {
        try await database.read { try entries(of: organisation, until: moment, limit: limit, offset: offset, in: $0) }
    }

    /// - Throws: `not-found` for an unknown account.
    func entries(of person: ID<Person>, until moment: Instant?, limit: Int, offset: Int) async throws(Problem)
        -> CreditEntryPage
    {
        try await database.read {
            try entries(of: organisation(of: person, in: $0), until: moment, limit: limit, offset: offset, in: $0)
        }
    }

    private func statement(of organisation: ID<Organisation>, in transaction: Transaction) throws -> CreditStatement {
        CreditStatement(
            try transaction.creditBalance(of: organisation),
            try transaction.lots(of: organisation, limit: Self.lotsMax), at: transaction.now)
    }

    private func entries(
        of organisation: ID<Organisation>, until moment: Instant?, limit: Int, offset: Int, in transaction: Transaction
    ) throws -> CreditEntryPage {
        let (rows, total) = try ledger.entries(
            of: organisation.text, in: .credits, until: moment, limit: limit, offset: offset, transaction)
        return CreditEntryPage(data: try rows.map { try CreditEntry($0) }, total: total, limit: limit, offset: offset)
    }
}

struct CreditCorrection: Payload {
    /// More than zero gives credits, less takes some back.
    var units: Int64
    /// Shown to the customer with the entry.
    var reason: String
    /// When what is given expires; without it, never.
    var expiresAt: Instant?
    /// The entry that this one puts right.
    var corrects: ID<Posting>?
    /// The lot to take from; without it, the soonest to expire.
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
        /// What follows adds up to this.
        var granted: Int64
        var available: Int64
        var reserved: Int64
        var consumed: Int64
        var expired: Int64
        /// Taken back by a correction.
        var reversed: Int64
        var expiresAt: Instant?
        var createdAt: Instant

        init(_ lot: CreditLot, at now: Instant) {
            let isOver = lot.isOver(at: now)
            id = lot.id
            origin = lot.origin
            granted = lot.granted
            available = isOver ? 0 : lot.available
            reserved = lot.reserved
            consumed = lot.consumed
            expired = lot.expired + (isOver ? lot.available : 0)
            reversed = lot.reversed
            expiresAt = lot.expiresAt
            createdAt = lot.createdAt
        }
    }

    /// What can be spent.
    var available: Int64
    /// Promised to work that has not ended yet.
    var reserved: Int64
    /// Owed for work that took more than there was; while there is any, nothing can be spent.
    var debt: Int64
    /// What expires next, if anything does.
    var nextExpiry: Expiry?
    /// In the order in which they are spent, those that are used up last; at most 200.
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

/// Where the credits of an organisation were at a moment.
struct CreditPosition: Payload {
    var asOf: Instant
    /// What follows, less the debt, adds up to this.
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
        available = balance(.place(.available)) - overdue
        reserved = balance(.place(.reserved))
        consumed = balance(.place(.consumed))
        expired = balance(.place(.expired)) + overdue
        reversed = balance(.place(.reversed))
        debt = -balance(.debt)
    }
}

/// Something that happened to credits. It is never changed: what was wrong is corrected by a further entry.
struct CreditEntry: Payload {
    enum Kind: String, Codable, CaseIterable, Sendable {
        case granted, reserved, committed, released
        /// Nobody said anything of the work for as long as its lease lasted.
        case lapsed
        case spent, expired
        /// A longer trial.
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
    /// Why, in words or by the name of the work.
    var reason: String?
    /// The entry that this one puts right.
    var corrects: ID<Posting>?
    /// From one account to another: `issued`, `available`, `reserved`, `consumed`, `expired`, `reversed`, `debt`.
    var steps: [Step]

    init(_ entry: LedgerEntry) throws {
        guard let kind = Kind(rawValue: entry.kind) else {
            throw StorageError(.other, code: "credits", message: "no kind of entry: '\(entry.kind)'")
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

struct CreditEntryPage: Payload {
    var data: [CreditEntry]
    var total: Int64
    var limit: Int
    var offset: Int
}
