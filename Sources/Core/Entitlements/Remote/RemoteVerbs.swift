import Identity
import Modules

/// The verbs of reservations as callers from elsewhere use them: all that the doors know of how units are held and settled stands here.
extension EntitlementsModule {
    /// Holds units for as long as `lease`; who works elsewhere may outlive this process.
    /// - Returns: the reservation, and whether it was made now.
    /// - Throws: `quota-exceeded`; `operation-conflict`.
    func hold(
        _ charge: Charge, operation: String, fingerprint: String, lease: Duration, in transaction: Transaction
    ) throws -> (id: ID<Reservation>, isNew: Bool) {
        try hold(
            charge, operation: operation, fingerprint: fingerprint, terms: Reservation.Terms(life: .work, lease: lease),
            in: transaction)
    }

    /// Uses the units that are held, or as many as the work took.
    /// - Parameter units: nil is what was held. What is more is counted even where it does not fit, and is an overrun then.
    func settle(_ reservation: RemoteReservation, units: Int64?, in transaction: Transaction) throws {
        try commit(reservation.id, units: units, in: transaction)
    }

    func giveBack(_ reservation: RemoteReservation, in transaction: Transaction) throws {
        try release(reservation.id, in: transaction)
    }

    /// The work goes on for another `lease`, which never ends a longer one.
    func keepAlive(_ reservation: RemoteReservation, lease: Duration, in transaction: Transaction) throws {
        try extend(reservation.id, lease: lease, in: transaction)
    }
}
