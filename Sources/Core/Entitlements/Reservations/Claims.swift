package import Modules

/// One thing that a request takes in the transaction of its work: units of a quota, credits. Several are taken all or none, by
/// ``EntitlementsModule/take(_:in:)``.
package protocol Claim: Sendable {
    /// Where the row that it locks stands in the order in which everybody locks: `quota/…`, `credits/…`.
    var lockKey: String { get }
    /// Takes, or says why not; then nothing has changed. A key that was used for something else is a refusal too: `operation-conflict`.
    func take(in transaction: Transaction) throws -> ClaimResult
    /// Gives back what ``take(in:)`` took in the same transaction.
    func giveBack(in transaction: Transaction) throws
}

/// What became of a claim, with the id of what was written down for it.
package enum ClaimResult: Sendable {
    case now(String)
    /// The same operation took it earlier, and nothing is taken a second time.
    case before(String)
    case refused(Problem)
}

extension EntitlementsModule {
    /// Takes several things, all or none. Rows are locked in the order of their keys, whatever the order of the claims.
    /// - Parameter claims: in the order in which their refusals are told.
    /// - Returns: the ids of what was written down, in the order of the claims.
    /// - Throws: the first refusal; `operation-conflict`, also where some were taken before and others were not.
    package func take(_ claims: [any Claim], in transaction: Transaction) throws -> [String] {
        var outcomes: [Int: ClaimResult] = [:]
        for (index, claim) in claims.enumerated().sorted(by: { $0.element.lockKey < $1.element.lockKey }) {
            outcomes[index] = try claim.take(in: transaction)
        }
        var ids: [String] = []
        var fresh: [Int] = []
        var refusals: [Problem] = []
        for index in claims.indices {
            switch outcomes[index] {
            case .now(let id):
                ids.append(id)
                fresh.append(index)
            case .before(let id): ids.append(id)
            case .refused(let problem): refusals.append(problem)
            case nil: break
            }
        }
        let earlier = ids.count - fresh.count
        let isHalf = earlier > 0 && earlier < claims.count
        let conflict = refusals.first { $0.kind == .operationConflict } ?? (isHalf ? Problem(.operationConflict) : nil)
        guard let refusal = conflict ?? refusals.first else { return ids }
        // The refusal usually ends the transaction. Where its body goes on, nothing may be left all the same.
        for index in fresh { try claims[index].giveBack(in: transaction) }
        throw refusal
    }
}

/// Units of a meter.
struct QuotaClaim: Claim {
    private let charge: Charge
    private let operation: String
    private let fingerprint: String
    private let terms: Reservation.Terms
    private let id: ID<Reservation>
    private let node: Node?

    init(
        _ charge: Charge, operation: String, fingerprint: String, terms: Reservation.Terms,
        of entitlements: EntitlementsModule
    ) {
        self.charge = charge
        self.operation = operation
        self.fingerprint = fingerprint
        self.terms = terms
        id = entitlements.runtime.id()
        node = entitlements.node.current
    }

    var lockKey: String { charge.bucket.lockKey }

    func take(in transaction: Transaction) throws -> ClaimResult {
        let reservation = reservation(at: transaction.now)
        guard try transaction.insert(reservation, node: node) else {
            guard let earlier = try transaction.reservation(ofOperation: operation, of: charge.organisation),
                earlier.isSame(as: reservation)
            else {
                return .refused(Problem(.operationConflict))
            }
            return .before(earlier.id.text)
        }
        if try transaction.hold(charge.units, in: charge.bucket, limit: charge.limit) { return .now(id.text) }
        try transaction.delete(reservation)
        return .refused(charge.refusal(try transaction.level(of: charge.bucket)))
    }

    func giveBack(in transaction: Transaction) throws {
        try transaction.delete(reservation(at: transaction.now))
        try transaction.settle(charge.bucket, held: charge.units, used: 0)
    }

    private func reservation(at now: Instant) -> Reservation {
        Reservation(
            id, of: charge.units, in: charge.bucket, operation: operation, fingerprint: fingerprint, terms: terms,
            at: now)
    }
}

extension Reservation {
    /// Whether two requests of one key ask for the same. The period is not held against them: the later one may come in the next.
    fileprivate func isSame(as other: Reservation) -> Bool {
        fingerprint == other.fingerprint && bucket.meter == other.bucket.meter && amount == other.amount
    }
}
