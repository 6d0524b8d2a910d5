import Identity
import Modules

/// A change of quotas that its caller needs no transaction for. Calls that wait at the same time share one
/// (``QuotaQueue``).
enum QuotaCall: Sendable {
    /// Reserves units; a repeat of the operation returns its reservation.
    case reserve(QuotaHold)
    /// Uses units at once; a repeat of the operation is not charged.
    case spend(Charge, operation: String)
    /// Commits a reservation with these units; nil for the reserved ones.
    case commit(ID<Reservation>, units: Int64?, of: ReservationOwner)
    case release(ID<Reservation>, of: ReservationOwner)
}

/// Units to reserve for work that is done elsewhere. Only the lease ends the reservation.
struct QuotaHold: Sendable {
    /// Of the new reservation.
    let id: ID<Reservation>
    var charge: Charge
    let operation: String
    let fingerprint: String
    let lease: Duration
    let owner: ReservationOwner
}

/// The service key that makes and settles reservations in an organisation. It finds those whose operation keys begin
/// with its prefix.
struct ReservationOwner: Sendable {
    let organisation: ID<Organisation>
    let operationPrefix: String
    let key: ID<ServiceKey>

    init(_ scope: ServiceScope) {
        organisation = scope.organisation
        operationPrefix = RemoteReservation.operationPrefix(of: scope.key)
        key = scope.key.id
    }

    func owns(_ reservation: RemoteReservation) -> Bool {
        reservation.organisation == organisation && reservation.hasOperation(under: operationPrefix)
    }
}

/// What a call has done, or found to be done.
enum QuotaOutcome: Sendable {
    case reservation(RemoteReservation)
    case spent
}
