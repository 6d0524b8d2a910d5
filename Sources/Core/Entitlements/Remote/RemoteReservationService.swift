import Audit
import Identity
package import Modules

/// Reservations for products that run elsewhere, in the organisation that the request names. Their lifetime is that of
/// their lease: the work may outlive this process. A service key sees only its own.
final class RemoteReservationService: Sendable {
    private let database: any Database
    private let quotas: QuotaService
    private let meters: MeterCatalog
    private let audit: AuditService

    init(database: any Database, quotas: QuotaService, meters: MeterCatalog, audit: AuditService) {
        self.database = database
        self.quotas = quotas
        self.meters = meters
        self.audit = audit
    }

    /// Reserves units for work elsewhere. A repeat of the operation returns its reservation.
    /// - Throws: `unknown-meter`, `quota-exceeded`; `insufficient-scope` for a meter that the key does not include;
    ///   `operation-conflict` where the operation has reserved something
    ///   else.
    func reserve(_ hold: RemoteHold, snapshot: EntitlementSnapshot, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        let meter = try meters.require(hold.meter)
        try scope.require(meter.name)
        do throws(Problem) {
            return try await database.write { [self] in try reserve(hold, meter, snapshot, scope, in: $0) }
        } catch {
            // A concurrent request with the same operation may have reserved first, and taken the last units.
            guard error.kind == .operationConflict || error.kind == .quotaExceeded,
                let earlier = try await database.read({ [self] in try earlierReservation(hold, scope, in: $0) })
            else { throw error }
            return earlier
        }
    }

    private func reserve(
        _ hold: RemoteHold,
        _ meter: Meter,
        _ snapshot: EntitlementSnapshot,
        _ scope: ServiceScope,
        in transaction: Transaction
    ) throws -> RemoteReservationView {
        if let earlier = try earlierReservation(hold, scope, in: transaction) { return earlier }
        let charge = Charge(meter: meter, units: hold.units ?? 1, snapshot: snapshot)
        let terms = Reservation.Terms(
            lifetime: .lease, lease: .seconds(hold.leaseSeconds ?? RemoteReservation.leaseSecondsDefault))
        let (id, isNew) = try quotas.reserveOnce(
            charge, operation: hold.operationKey(of: scope.key), fingerprint: hold.fingerprint, terms: terms,
            in: transaction)
        // A concurrent request may have reserved after the read above; it has recorded the event.
        if isNew {
            try record(
                "reservation.made", id, ["meter": meter.name, "units": "\(charge.units)"], scope, in: transaction)
        }
        guard let made = try transaction.remoteReservation(id, in: scope) else { throw Problem(.notFound) }
        return RemoteReservationView(made, of: scope.key)
    }

    private func earlierReservation(_ hold: RemoteHold, _ scope: ServiceScope, in transaction: Transaction) throws
        -> RemoteReservationView?
    {
        guard
            let earlier = try transaction.remoteReservation(
                ofOperation: hold.operationKey(of: scope.key), of: scope.organisation)
        else { return nil }
        guard earlier.fingerprint == hold.fingerprint else { throw Problem(.operationConflict) }
        return RemoteReservationView(earlier, of: scope.key)
    }

    /// Commits a reservation, also after its lease has ended. A repeat changes nothing.
    /// - Parameter units: the units that the work used; nil for the reserved ones. More are counted even where they
    ///   exceed the limit, as an overrun.
    /// - Throws: `not-found`; `reservation-settled` where it was released, or committed with other units.
    func commit(_ id: ID<Reservation>, units: Int64?, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        try await change(id, "reservation.committed", scope: scope) { [quotas] reservation, transaction in
            switch reservation.state {
            case .held, .expired: try quotas.commit(id, units: units, in: transaction)
            case .committed where units == nil || units == reservation.used: return
            case .committed, .released: throw Self.settled(reservation)
            }
        }
    }

    /// Releases a reservation, also after its lease has ended: no commit can follow then. A repeat changes nothing.
    /// - Throws: `not-found`; `reservation-settled` where it was committed.
    func release(_ id: ID<Reservation>, scope: ServiceScope) async throws(Problem) -> RemoteReservationView {
        try await change(id, "reservation.released", scope: scope) { [quotas] reservation, transaction in
            switch reservation.state {
            case .held, .expired: try quotas.release(id, in: transaction)
            case .released: return
            case .committed: throw Self.settled(reservation)
            }
        }
    }

    /// Renews the lease of a reservation. A shorter lease than the current one does not shorten it.
    /// - Throws: `not-found`; `reservation-settled` where the reservation has ended.
    func extend(_ id: ID<Reservation>, leaseSeconds: Int64?, scope: ServiceScope) async throws(Problem)
        -> RemoteReservationView
    {
        try await change(id, nil, scope: scope) { [quotas] reservation, transaction in
            guard reservation.state == .held else { throw Self.settled(reservation) }
            let lease = Duration.seconds(leaseSeconds ?? RemoteReservation.leaseSecondsDefault)
            try quotas.extend(id, lease: lease, in: transaction)
        }
    }

    private func change(
        _ id: ID<Reservation>,
        _ action: String?,
        scope: ServiceScope,
        _ transition: @escaping @Sendable (RemoteReservation, Transaction) throws -> Void
    ) async throws(Problem) -> RemoteReservationView {
        try await database.write { [self] transaction in
            guard let before = try transaction.remoteReservation(id, in: scope) else {
                throw Problem(.notFound)
            }
            try transition(before, transaction)
            guard let after = try transaction.remoteReservation(id, in: scope) else {
                throw Problem(.notFound)
            }
            if let action, after.state != before.state {
                try record(action, id, ["units": "\(after.used ?? after.units)"], scope, in: transaction)
            }
            return RemoteReservationView(after, of: scope.key)
        }
    }

    private func record(
        _ action: String, _ id: ID<Reservation>, _ details: [String: String], _ scope: ServiceScope,
        in transaction: Transaction
    ) throws {
        try audit.record(AuditEvent(action, by: scope, subject: id.text, details: details), in: transaction)
    }

    private static func settled(_ reservation: RemoteReservation) -> Problem {
        Problem(
            .reservationSettled, detail: "It is \(reservation.state.rawValue).",
            members: ["state": .string(reservation.state.rawValue)])
    }
}

extension Problem.Kind {
    package static let reservationSettled = Self("reservation-settled", "The reservation has ended", status: 409)
}
