import Identity
import Modules

/// The verbs of reservations as callers from elsewhere use them: all that the doors know of how units are held and settled stands here.
extension EntitlementsModule {
    /// Holds units for as long as `lease`.
    /// - Throws: `quota-exceeded`; `operation-conflict`.
    func hold(_ charge: Charge, operation: String, fingerprint: String, lease: Duration, in transaction: Transaction) throws -> ID<Reservation> {
        let id = try reserve(charge, operation: operation, fingerprint: fingerprint, in: transaction)
        try transaction.setLease(of: id, charge.organisation, until: transaction.now + lease)
        return id
    }

    /// Uses the units that are held.
    /// - Parameter units: how many the work took; nil is what was held.
    /// - Throws: `validation-failed` for another number than that: a reservation is settled as a whole so far.
    func settle(_ reservation: RemoteReservation, units: Int64?, in transaction: Transaction) throws {
        guard units ?? reservation.units == reservation.units else { throw Problem.invalid("/units", "must be what was reserved: \(reservation.units)") }
        try commit(reservation.id, in: transaction)
    }

    func giveBack(_ reservation: RemoteReservation, in transaction: Transaction) throws { try release(reservation.id, in: transaction) }

    /// The work goes on for another `lease`, which never ends a longer one.
    func keepAlive(_ reservation: RemoteReservation, lease: Duration, in transaction: Transaction) throws {
        let end = max(reservation.leaseUntil, transaction.now + lease)
        try transaction.setLease(of: reservation.id, reservation.organisation, until: end)
    }
}

extension Transaction {
    fileprivate func setLease(of id: ID<Reservation>, _ organisation: ID<Organisation>, until end: Instant) throws {
        try execute("UPDATE reservations SET lease_until = \(end) WHERE id = \(id) AND organisation_id = \(organisation) AND state = 'held'")
    }
}
