import Audit
import Identity
package import Modules
import Secrets

/// What products that live elsewhere ask and take, in the organisation of whoever asks.
extension EntitlementsModule {
    /// Whether the plan has room for units of a meter, or has a feature. Nothing is taken.
    /// - Throws: `validation-failed` for a question about neither or both, or about what nobody knows; `not-a-member` for another organisation.
    func answer(_ question: EntitlementQuestion, scope: Scope) async throws(Problem) -> EntitlementAnswer {
        if let organisation = question.organisationId, organisation != scope.organisation { throw Problem(.notAMember) }
        guard (question.meter == nil) != (question.feature == nil) else {
            throw Problem.invalid("/meter", "is asked about, or else a feature")
        }
        let meter = try question.meter.map { name throws(Problem) in try self.meter(named: name) }
        let standing = try await database.read { [plans] in try plans.standing(of: scope.organisation, in: $0) }
        guard let standing else {
            return EntitlementAnswer(question, standing: nil, level: nil, refusal: Problem(.noActiveSubscription))
        }
        guard let meter else {
            return EntitlementAnswer(
                question, standing: standing, level: nil,
                refusal: standing.refusal(of: feature(named: question.feature ?? "")))
        }
        let charge = Charge(meter: meter, units: question.units ?? 1, standing: standing)
        let level = standing.level(of: meter)
        let refusal = charge.limit.allows(level.used + level.held + charge.units) ? nil : charge.refusal(level)
        return EntitlementAnswer(question, standing: standing, level: (charge.limit, level), refusal: refusal)
    }

    /// Holds units for work elsewhere. The same operation is answered with what was held for it.
    /// - Throws: `quota-exceeded`; `operation-conflict` where the operation stands for something else.
    func hold(_ request: RemoteHold, standing: EntitlementSnapshot, scope: Scope) async throws(Problem)
        -> RemoteReservationView
    {
        let meter = try meter(named: request.meter)
        do throws(Problem) {
            return try await database.write { try hold(request, meter, standing, scope, in: $0) }
        } catch {
            // Somebody who said the same at the same moment may have been first, and taken the last units for it.
            guard error.kind == .operationConflict || error.kind == .quotaExceeded,
                let earlier = try await database.read({ try heldBefore(request, scope, in: $0) })
            else { throw error }
            return earlier
        }
    }

    private func hold(
        _ request: RemoteHold,
        _ meter: Meter,
        _ standing: EntitlementSnapshot,
        _ scope: Scope,
        in transaction: Transaction
    ) throws -> RemoteReservationView {
        if let earlier = try heldBefore(request, scope, in: transaction) { return earlier }
        let charge = Charge(meter: meter, units: request.units ?? 1, standing: standing)
        let lease = Duration.seconds(request.leaseSeconds ?? RemoteReservation.leaseSecondsUsual)
        let (id, isNew) = try hold(
            charge, operation: request.operationKey, fingerprint: request.fingerprint, lease: lease, in: transaction)
        // Somebody who said the same may have been first since we looked, and has noted it.
        if isNew {
            try note("reservation.made", id, ["meter": meter.name, "units": "\(charge.units)"], scope, in: transaction)
        }
        guard let made = try transaction.remoteReservation(id, of: scope.organisation) else { throw Problem(.notFound) }
        return RemoteReservationView(made)
    }

    private func heldBefore(_ request: RemoteHold, _ scope: Scope, in transaction: Transaction) throws
        -> RemoteReservationView?
    {
        guard let earlier = try transaction.remoteReservation(ofOperation: request.operationKey, of: scope.organisation)
        else { return nil }
        guard earlier.fingerprint == request.fingerprint else { throw Problem(.operationConflict) }
        return RemoteReservationView(earlier)
    }

    /// The work is done: its units are used. Saying so again changes nothing.
    /// - Throws: `not-found`; `reservation-settled` where it was given back, or committed with other units.
    func commit(_ id: ID<Reservation>, _ request: RemoteCommit, scope: Scope) async throws(Problem)
        -> RemoteReservationView
    {
        try await change(id, "reservation.committed", scope: scope) { reservation, transaction in
            switch reservation.state {
            case .held, .expired: try settle(reservation, units: request.units, in: transaction)
            case .committed where request.units == nil || request.units == reservation.used: return
            case .committed, .released: throw Self.settled(reservation)
            }
        }
    }

    /// The work came to nothing: its units are free again. Saying so again changes nothing.
    /// - Throws: `not-found`; `reservation-settled` where it was committed.
    func release(_ id: ID<Reservation>, scope: Scope) async throws(Problem) -> RemoteReservationView {
        try await change(id, "reservation.released", scope: scope) { reservation, transaction in
            switch reservation.state {
            // Also where its lease has ended: who says so will not come back with a commit.
            case .held, .expired: try giveBack(reservation, in: transaction)
            case .released: return
            case .committed: throw Self.settled(reservation)
            }
        }
    }

    /// The work goes on.
    /// - Throws: `not-found`; `reservation-settled` where nothing is held any more.
    func keepAlive(_ id: ID<Reservation>, _ request: RemoteHeartbeat, scope: Scope) async throws(Problem)
        -> RemoteReservationView
    {
        try await change(id, nil, scope: scope) { reservation, transaction in
            guard reservation.state == .held else { throw Self.settled(reservation) }
            try keepAlive(
                reservation, lease: .seconds(request.leaseSeconds ?? RemoteReservation.leaseSecondsUsual),
                in: transaction)
        }
    }

    private func change(
        _ id: ID<Reservation>,
        _ action: String?,
        scope: Scope,
        _ move: @escaping @Sendable (RemoteReservation, Transaction) throws -> Void
    ) async throws(Problem) -> RemoteReservationView {
        try await database.write { transaction in
            guard let before = try transaction.remoteReservation(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            try move(before, transaction)
            guard let after = try transaction.remoteReservation(id, of: scope.organisation) else {
                throw Problem(.notFound)
            }
            if let action, after.state != before.state {
                try note(action, id, ["units": "\(after.used ?? after.units)"], scope, in: transaction)
            }
            return RemoteReservationView(after)
        }
    }

    private func note(
        _ action: String, _ id: ID<Reservation>, _ details: [String: String], _ scope: Scope,
        in transaction: Transaction
    ) throws {
        try usage.audit.record(AuditEvent(action, by: scope, subject: id.text, details: details), in: transaction)
    }

    private static func settled(_ reservation: RemoteReservation) -> Problem {
        Problem(
            .reservationSettled, detail: "It is \(reservation.state.rawValue).",
            members: ["state": .string(reservation.state.rawValue)])
    }

    private func meter(named name: String) throws(Problem) -> Meter {
        guard let meter = usage.meter(named: name) else {
            throw Problem(.unknownMeter, detail: "There is no meter '\(name)'.")
        }
        return meter
    }

    /// A feature that no plan has is refused like any other.
    private func feature(named name: String) -> Feature {
        catalogue.features.first { $0.name == name }
            ?? Feature(name, title: name.prefix(1).uppercased() + name.dropFirst().replacing("_", with: " "))
    }
}

extension Problem.Kind {
    package static let reservationSettled = Self("reservation-settled", "The reservation has ended", status: 409)
}
