import Modules

/// A claim of units of a meter.
struct QuotaClaim: Claim {
    let id: ID<Reservation>
    let charge: Charge
    let operation: String
    let fingerprint: String
    let terms: Reservation.Terms
    /// The node that owns the reservation where its lifetime is that of the process.
    let node: Node?

    var lockKey: String { charge.bucket.lockKey }

    func take(in transaction: Transaction) throws -> ClaimResult {
        let reservation = reservation(at: transaction.now)
        guard try transaction.insert(reservation, node: node) else {
            guard let earlier = try transaction.reservation(ofOperation: operation, of: charge.organisation),
                earlier.isSame(as: reservation)
            else {
                return .refused(Problem(.operationConflict))
            }
            return .takenBefore(earlier.id.text)
        }
        if try transaction.hold(charge.units, in: charge.bucket, limit: charge.limit) { return .taken(id.text) }
        try transaction.delete(reservation)
        return .refused(charge.refusal(try transaction.level(of: charge.bucket)))
    }

    func revert(in transaction: Transaction) throws {
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
    /// Whether two requests with one operation key reserve the same. The period is not compared: a repeat may arrive in
    /// the next one.
    fileprivate func isSame(as other: Reservation) -> Bool {
        fingerprint == other.fingerprint && bucket.meter == other.bucket.meter && amount == other.amount
    }
}
