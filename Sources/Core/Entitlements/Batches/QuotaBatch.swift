import Identity
import Modules

/// The calls of one transaction, decided in the order of their arrival. A value without I/O: ``QuotaBatchService``
/// reads what it starts from, and writes what it results in.
struct QuotaBatch {
    /// An operation key of an organisation.
    struct Operation: Hashable {
        let organisation: ID<Organisation>
        private let uniqueKey: UTF8Key
        var key: String { uniqueKey.text }

        init(organisation: ID<Organisation>, key: String) {
            self.organisation = organisation
            uniqueKey = UTF8Key(key)
        }
    }

    /// A change of a reservation.
    struct Settlement {
        let earlier: Reservation
        let later: Reservation
        let key: ID<ServiceKey>
    }

    struct Entry {
        let bucket: Bucket
        let operation: String
        let amount: Int64
        var beyond: Int64 = 0
        var reservation: ID<Reservation>?
        var key: ID<ServiceKey>?
    }

    /// Reservations and usage entries that earlier transactions made under the keys of these calls.
    var reservations: [Operation: RemoteReservation] = [:]
    var usage: [Operation: (meter: String, amount: Int64)] = [:]
    /// Committed reservations that are deleted, as their usage entries show them.
    var deleted: [ID<Reservation>: RemoteReservation] = [:]
    /// The reservations to settle, as they were read; later as the calls leave them.
    var stored: [ID<Reservation>: Reservation] = [:]
    /// In the order in which their rows are locked and written.
    private var buckets: [Bucket] = []
    /// The buckets that exist. Their rows are locked.
    private var locked: Set<Bucket> = []
    /// The buckets as the calls leave them.
    private(set) var levels: [Bucket: Level] = [:]

    private(set) var made: [(reservation: Reservation, key: ID<ServiceKey>)] = []
    private(set) var entries: [Entry] = []
    /// Units to add to each bucket.
    private(set) var changes: [Bucket: Level] = [:]
    private(set) var settlements: [Settlement] = []

    /// - Parameters:
    ///   - buckets: in the order in which their rows are locked.
    ///   - existing: those of them that exist.
    mutating func lock(_ buckets: [Bucket], existing: [Bucket: Level]) {
        self.buckets = buckets
        levels = existing
        locked = Set(existing.keys)
    }

    /// The units to add to buckets that exist, or to those that do not.
    func changes(existing: Bool) -> [(bucket: Bucket, units: Level)] {
        buckets.compactMap { bucket in
            guard let units = changes[bucket], locked.contains(bucket) == existing else { return nil }
            return (bucket, units)
        }
    }

    mutating func reserve(_ hold: QuotaHold, at now: Instant) throws(Problem) -> RemoteReservation {
        let charge = hold.charge
        let operation = Operation(organisation: charge.organisation, key: hold.operation)
        if let earlier = reservations[operation] {
            // A usage entry has no fingerprint.
            let isSame = earlier.fingerprint.map { $0 == hold.fingerprint } ?? (earlier.meter == charge.meter.name)
            guard isSame else { throw Problem(.operationConflict) }
            return earlier
        }
        guard usage[operation] == nil else { throw Problem(.operationConflict) }
        try admit(charge)
        let reservation = Reservation(
            hold.id, of: charge.units, in: charge.bucket, operation: hold.operation, fingerprint: hold.fingerprint,
            terms: Reservation.Terms(lifetime: .lease, lease: hold.lease), at: now)
        change(charge.bucket, held: charge.units)
        made.append((reservation, hold.owner.key))
        let view = RemoteReservation(reservation)
        reservations[operation] = view
        return view
    }

    mutating func spend(_ charge: Charge, operation key: String) throws(Problem) {
        let operation = Operation(organisation: charge.organisation, key: key)
        if let earlier = usage[operation] {
            guard earlier == (charge.meter.name, charge.units) else { throw Problem(.operationConflict) }
            return
        }
        try admit(charge)
        change(charge.bucket, used: charge.units)
        entries.append(Entry(bucket: charge.bucket, operation: key, amount: charge.units))
        usage[operation] = (charge.meter.name, charge.units)
    }

    /// - Parameter limit: of the reservation's bucket; read only where units beyond the reserved ones are needed.
    mutating func commit(
        _ id: ID<Reservation>, units given: Int64?, of owner: ReservationOwner, limit: (Reservation) throws -> Limit
    ) throws -> RemoteReservation {
        if let deleted = try deleted(id, of: owner) {
            guard given == nil || given == deleted.used else { throw deleted.settledProblem }
            return deleted
        }
        let earlier = try owned(id, by: owner)
        let operation = Operation(organisation: earlier.organisation, key: earlier.operation)
        switch earlier.state {
        case .held, .expired: break
        case .committed where given == nil || given == earlier.actual:
            return reservations[operation] ?? RemoteReservation(earlier)
        case .committed, .released: throw RemoteReservation(earlier).settledProblem
        }
        let units = given ?? earlier.amount
        var remaining: Int64 = 0
        if earlier.needsRemaining(units) {
            let level = levels[earlier.bucket] ?? Level()
            remaining = try limit(earlier).bound - level.used - level.held
        }
        var later = earlier
        guard let effect = try later.commit(units, remaining: remaining) else { return RemoteReservation(earlier) }
        if effect.used > 0 {
            guard usage[operation] == nil else {
                throw Problem(
                    .operationConflict, detail: "Units were spent under the key of a reservation: \(earlier.operation)."
                )
            }
            entries.append(
                Entry(
                    bucket: earlier.bucket, operation: earlier.operation, amount: effect.used, beyond: effect.beyond,
                    reservation: id, key: owner.key))
        }
        return settle(earlier, to: later, effect, by: owner)
    }

    mutating func release(_ id: ID<Reservation>, of owner: ReservationOwner) throws(Problem) -> RemoteReservation {
        if let deleted = try deleted(id, of: owner) { throw deleted.settledProblem }
        let earlier = try owned(id, by: owner)
        var later = earlier
        switch earlier.state {
        case .held, .expired:
            guard let effect = try later.release() else { return RemoteReservation(earlier) }
            return settle(earlier, to: later, effect, by: owner)
        case .released: return RemoteReservation(earlier)
        case .committed: throw RemoteReservation(earlier).settledProblem
        }
    }

    private func admit(_ charge: Charge) throws(Problem) {
        let level = levels[charge.bucket] ?? Level()
        guard charge.limit.allows(level.used + level.held + charge.units) else { throw charge.refusal(level) }
    }

    private func deleted(_ id: ID<Reservation>, of owner: ReservationOwner) throws(Problem) -> RemoteReservation? {
        guard let reservation = deleted[id] else { return nil }
        guard owner.owns(reservation) else { throw Problem(.notFound) }
        return reservation
    }

    private func owned(_ id: ID<Reservation>, by owner: ReservationOwner) throws(Problem) -> Reservation {
        guard let reservation = stored[id], owner.owns(RemoteReservation(reservation)) else { throw Problem(.notFound) }
        return reservation
    }

    /// - Returns: the reservation afterwards.
    private mutating func settle(
        _ earlier: Reservation, to later: Reservation, _ effect: Reservation.Effect, by owner: ReservationOwner
    ) -> RemoteReservation {
        stored[later.id] = later
        settlements.append(Settlement(earlier: earlier, later: later, key: owner.key))
        change(earlier.bucket, held: -effect.held, used: effect.used)
        let view = RemoteReservation(later, isOverrun: effect.beyond > 0)
        reservations[Operation(organisation: later.organisation, key: later.operation)] = view
        return view
    }

    private mutating func change(_ bucket: Bucket, held: Int64 = 0, used: Int64 = 0) {
        levels[bucket, default: Level()].held += held
        levels[bucket, default: Level()].used += used
        changes[bucket, default: Level()].held += held
        changes[bucket, default: Level()].used += used
    }
}
