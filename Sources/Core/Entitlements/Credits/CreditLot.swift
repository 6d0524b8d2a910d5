import Identity
import Ledger
package import Modules

/// Credits that came together, and what has become of each of them: the five counts always add up to what was granted.
package struct CreditLot: Sendable, Hashable {
    package enum Origin: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// They last as long as the trial.
        case trial
        case purchase, grant
        /// An administrator put something right.
        case correction
    }

    package let id: ID<CreditLot>
    let organisation: ID<Organisation>
    let origin: Origin
    /// What they came with, by id: a subscription, a payment.
    let source: String?
    let granted: Int64
    let available: Int64
    let reserved: Int64
    let consumed: Int64
    let expired: Int64
    let reversed: Int64
    /// The first moment at which they cannot be spent any more; nil for never.
    let expiresAt: Instant?
    let createdAt: Instant

    func isOver(at now: Instant) -> Bool { expiresAt.map { $0 <= now } ?? false }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        origin = try row["origin"]
        source = try row["source"]
        granted = try row["granted"]
        available = try row["available"]
        reserved = try row["reserved"]
        consumed = try row["consumed"]
        expired = try row["expired"]
        reversed = try row["reversed"]
        expiresAt = try row["expires_at"]
        createdAt = try row["created_at"]
    }
}

/// What has become of a credit: a count of its lot, and an account of its organisation.
enum CreditPlace: String, Sendable, CaseIterable { case available, reserved, consumed, expired, reversed }

/// The accounts of an organisation's credits.
enum CreditAccount: Sendable, Hashable {
    case place(CreditPlace)
    /// Where credits come from: as far below zero as were ever granted.
    case issued
    /// Work that was done and that no credit was left for: as far below zero as is owed.
    case debt

    var name: String {
        switch self {
        case .place(let place): place.rawValue
        case .issued: "issued"
        case .debt: "debt"
        }
    }

    func account(of organisation: ID<Organisation>) -> LedgerAccount {
        if case .place = self { return LedgerAccount(name, of: organisation.text, in: .credits) }
        return LedgerAccount(name, of: organisation.text, in: .credits, mayBeNegative: true)
    }
}

/// What an organisation has to spend.
package struct CreditBalance: Sendable, Hashable {
    package let available: Int64
    /// Promised to work that has not ended.
    package let reserved: Int64
    /// Work that was done without credits; while there is any, no further work is admitted.
    package let debt: Int64

    func allows(_ units: Int64) -> Bool { debt == 0 && available >= units }
}

/// Credits to be given.
package struct CreditGrant: Sendable {
    package let units: Int64
    package let origin: CreditLot.Origin
    package let source: String?
    package let expiresAt: Instant?
    package let operation: String
    package let reason: String

    /// - Parameters:
    ///   - units: at least one.
    ///   - source: what they come with, by id: a subscription, a payment.
    ///   - operation: names the grant for good among the organisation's: the same one is never given twice.
    ///   - expiresAt: the first moment at which they cannot be spent any more; nil for never.
    package init(
        _ units: Int64, _ origin: CreditLot.Origin, from source: String? = nil, expiresAt: Instant? = nil,
        operation: String, reason: String = ""
    ) {
        precondition(units > 0, "a grant is of something")
        self.units = units
        self.origin = origin
        self.source = source
        self.expiresAt = expiresAt
        self.operation = operation
        self.reason = reason
    }
}

/// Credits taken out of lots for work that has not ended: committed by its success, given back by its failure, or by the end of its
/// lease when nobody says anything.
package struct CreditHold: Sendable {
    package enum State: String, Sendable, SQLBindable, SQLReadable { case held, committed, released, expired }

    /// What is held of one lot.
    struct Part: Sendable, Hashable {
        let lot: ID<CreditLot>
        let units: Int64
        /// Whether the lot has expired since: what is given back of it expires.
        let isOver: Bool
    }

    package let id: ID<CreditHold>
    let operation: String
    let fingerprint: String
    package let units: Int64
    package let state: State
}
