import Identity
package import Modules

/// Reservations for products that run elsewhere, in the organisation that the request names. Their lifetime is that of
/// their lease: the work may outlive this process. A service key sees only its own. Every reservation, and what settles
/// it, names the key in its row.
final class RemoteReservationService: Sendable {
    private let database: any Database
    private let queue: QuotaQueue
    private let quotas: QuotaService
    private let meters: MeterCatalog
    private let runtime: Runtime

    init(database: any Database, queue: QuotaQueue, quotas: QuotaService, meters: MeterCatalog, runtime: Runtime) {
        self.database = database
        self.queue = queue
        self.quotas = quotas
        self.meters = meters
        self.runtime = runtime
    }

    /// Reserves units for work elsewhere. A repeat of the operation returns its reservation.
    /// - Throws: `unknown-meter`, `quota-exceeded`; `insufficient-scope` for a meter that the key does not include;
    ///   `operation-conflict` where the operation has reserved something
    ///   else.
    func reserve(_ hold: RemoteHold, entitlement: Entitlement, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        let meter = try meters.require(hold.meter)
        try scope.require(meter.name)
        let owner = ReservationOwner(scope)
        return try await perform(
            .reserve(
                QuotaHold(
                    id: runtime.id(), charge: Charge(meter: meter, units: hold.units ?? 1, entitlement: entitlement),
                    operation: owner.operationPrefix + hold.operation, fingerprint: hold.fingerprint,
                    lease: .seconds(hold.leaseSeconds ?? RemoteReservation.leaseSecondsDefault),
                    owner: owner)),
            owner)
    }

    /// Commits a reservation, also after its lease has ended. A repeat changes nothing.
    /// - Parameter units: the units that the work used; nil for the reserved ones. More are counted even where they
    ///   exceed the limit, as an overrun.
    /// - Throws: `not-found`; `reservation-settled` where it was released, or committed with other units.
    func commit(_ id: ID<Reservation>, units: Int64?, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        let owner = ReservationOwner(scope)
        return try await perform(.commit(id, units: units, of: owner), owner)
    }

    /// Releases a reservation, also after its lease has ended: no commit can follow then. A repeat changes nothing.
    /// - Throws: `not-found`; `reservation-settled` where it was committed.
    func release(_ id: ID<Reservation>, scope: ServiceScope) async throws(Problem) -> RemoteReservationView {
        let owner = ReservationOwner(scope)
        return try await perform(.release(id, of: owner), owner)
    }

    /// Renews the lease of a reservation. A shorter lease than the current one does not shorten it.
    /// - Throws: `not-found`; `reservation-settled` where the reservation, or its lease by the database's time, has
    ///   ended.
    func extend(_ id: ID<Reservation>, leaseSeconds: Int64?, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        try await database.write { [quotas] transaction in
            try transaction.requireServiceKey(of: scope)
            guard let before = try transaction.remoteReservation(id, in: scope) else { throw Problem(.notFound) }
            guard before.state == .held else { throw before.settledProblem }
            let lease = Duration.seconds(leaseSeconds ?? RemoteReservation.leaseSecondsDefault)
            try quotas.extend(id, lease: lease, in: transaction)
            guard let after = try transaction.remoteReservation(id, in: scope) else { throw Problem(.notFound) }
            return RemoteReservationView(after, of: ReservationOwner(scope))
        }
    }

    private func perform(_ call: QuotaCall, _ owner: ReservationOwner) async throws(Problem) -> RemoteReservationView {
        guard case .reservation(let reservation) = try await queue.perform(call) else {
            preconditionFailure("a call of a reservation results in one")
        }
        return RemoteReservationView(reservation, of: owner)
    }
}

extension Problem.Kind {
    package static let reservationSettled = Self("reservation-settled", "The reservation has ended", status: 409)
}
