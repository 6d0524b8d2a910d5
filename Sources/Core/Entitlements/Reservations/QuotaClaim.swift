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
    let entitlements: EntitlementCache
    let levels: LevelCache

    var lockKey: String { charge.bucket.lockKey }

    func take(in transaction: Transaction) throws -> ClaimResult {
        do {
            return try take(charge, in: transaction)
        } catch let refusal as Problem {
            return .refused(refusal)
        }
    }

    private func take(_ charge: Charge, in transaction: Transaction) throws -> ClaimResult {
        if transaction.now >= charge.entitlement.validUntil,
            let renewed = try entitlements.renewed(charge, in: transaction)
        {
            return try take(renewed, in: transaction)
        }
        let reservation = Reservation(
            id, of: charge.units, in: charge.bucket, operation: operation, fingerprint: fingerprint, terms: terms,
            at: transaction.now)
        guard try transaction.insert(reservation, node: node) else {
            return try earlier(than: reservation, in: transaction)
        }
        let basis = charge.entitlement.basis
        if let level = try transaction.hold(charge.units, in: charge.bucket, limit: charge.limit, basis: basis) {
            levels.set(level, of: charge.bucket, after: transaction)
            return .taken(id.text)
        }
        try transaction.delete(reservation)
        if let renewed = try entitlements.renewed(charge, in: transaction) {
            return try take(renewed, in: transaction)
        }
        if try transaction.releaseEndedLeases(in: charge.bucket) > 0 { return try take(charge, in: transaction) }
        return .refused(charge.refusal(try transaction.level(of: charge.bucket)))
    }

    private func earlier(than reservation: Reservation, in transaction: Transaction) throws -> ClaimResult {
        let organisation = reservation.organisation
        if let earlier = try transaction.reservation(ofOperation: operation, of: organisation) {
            guard earlier.isSame(as: reservation) else { return .refused(Problem(.operationConflict)) }
            return .takenBefore(earlier.id.text)
        }
        // The usage entry answers for a reservation that is deleted.
        guard let used = try transaction.committedReservation(ofOperation: operation, of: organisation),
            used.meter == reservation.bucket.meter
        else { return .refused(Problem(.operationConflict)) }
        return .takenBefore(used.id.text)
    }

    func revert(in transaction: Transaction) throws {
        // Its bucket is another one than that of the charge where the terms were out of date.
        guard let reservation = try transaction.reservation(id) else { return }
        try transaction.delete(reservation)
        if let level = try transaction.settle(reservation.bucket, held: reservation.amount, used: 0) {
            levels.set(level, of: reservation.bucket, after: transaction)
        }
    }
}

extension Reservation {
    /// Whether two requests with one operation key reserve the same. The period is not compared: a repeat may arrive in
    /// the next one.
    fileprivate func isSame(as other: Reservation) -> Bool {
        fingerprint == other.fingerprint && bucket.meter == other.bucket.meter && amount == other.amount
    }
}
