import Identity
package import Modules

/// Takes units from the quotas of plans. All methods run in the caller's transaction: the work and its units are
/// written together or not at all.
package final class QuotaService: Sendable {
    /// The default lease of a reservation.
    package static let lease: Duration = .hours(6)

    private let plans: PlanCatalog
    private let alerts: UsageAlertService
    private let nodes: NodeRegistry
    private let entitlements: EntitlementCache
    private let levels: LevelCache
    private let runtime: Runtime

    init(
        plans: PlanCatalog, alerts: UsageAlertService, nodes: NodeRegistry, entitlements: EntitlementCache,
        levels: LevelCache, runtime: Runtime
    ) {
        self.plans = plans
        self.alerts = alerts
        self.entitlements = entitlements
        self.levels = levels
        self.nodes = nodes
        self.runtime = runtime
    }

    // MARK: Reservations

    /// Reserves the units of a charge for work that ends later.
    /// - Parameters:
    ///   - operation: the unique key of this work; a repeat returns the first reservation and charges nothing.
    ///   - fingerprint: identifies what the work is; the same key with another fingerprint, or other units, is a
    ///     conflict.
    ///   - terms: what ends the reservation, and how it is settled then.
    /// - Throws: `quota-exceeded` when the units were taken since the gate's check, `no-active-subscription` when the
    ///   subscription ended since, `operation-conflict`.
    @discardableResult
    package func reserve(
        _ charge: Charge,
        operation: String,
        fingerprint: String,
        terms: Reservation.Terms = Reservation.Terms(),
        in transaction: Transaction
    ) throws -> ID<Reservation> {
        let claim = claim(charge, operation: operation, fingerprint: fingerprint, terms: terms)
        switch try claim.take(in: transaction) {
        case .taken(let id), .takenBefore(let id): return ID(trusted: id)
        case .refused(let problem): throw problem
        }
    }

    /// As ``reserve(_:operation:fingerprint:terms:in:)``, with fewer units where not all of them are left.
    /// - Parameters:
    ///   - least: the fewest units that the work can be done with.
    ///   - operation: of work that is new: its repeat is a conflict where other units are left.
    /// - Returns: the reservation, and its units.
    package func reserve(
        _ charge: Charge,
        atLeast least: Int64,
        operation: String,
        fingerprint: String,
        terms: Reservation.Terms = Reservation.Terms(),
        in transaction: Transaction
    ) throws -> (id: ID<Reservation>, units: Int64) {
        let claim = claim(charge, operation: operation, fingerprint: fingerprint, terms: terms)
        switch try claim.take(in: transaction) {
        case .taken(let id), .takenBefore(let id): return (ID(trusted: id), charge.units)
        case .refused(let problem) where problem.kind != .quotaExceeded: throw problem
        case .refused: break
        }
        // The bucket has no ended leases any more, and its row is locked until the units are taken.
        let current = try entitlements.renewed(charge, in: transaction) ?? charge
        let level = try transaction.lockedLevel(of: current.bucket).level
        let units = min(charge.units, current.limit.bound - level.used - level.held)
        guard units >= least else { throw current.taking(least).refusal(level) }
        let id = try reserve(
            current.taking(units), operation: operation, fingerprint: fingerprint, terms: terms, in: transaction)
        return (id, units)
    }

    /// As ``reserve(_:operation:fingerprint:terms:in:)`` for several quotas, all or none.
    /// - Parameters:
    ///   - charges: each of another meter; the order decides which of several refusals is thrown.
    ///   - key: the unique key of the request; each charge's operation key is derived from it
    ///     (``Charge/operation(key:)``).
    /// - Returns: the reservations, in the order of the charges.
    /// - Throws: the first refusal; `operation-conflict`.
    @discardableResult
    package func reserve(
        _ charges: [Charge],
        key: String,
        fingerprint: String,
        terms: Reservation.Terms = Reservation.Terms(),
        in transaction: Transaction
    ) throws -> [ID<Reservation>] {
        let claims = charges.map {
            claim($0, operation: $0.operation(key: key), fingerprint: fingerprint, terms: terms)
        }
        return try claims.takeAll(in: transaction).map { ID(trusted: $0) }
    }

    /// Units of a quota as one of several claims of a request (``Swift/Array/takeAll(in:)``).
    /// - Parameters: as for ``reserve(_:operation:fingerprint:terms:in:)``.
    package func claim(
        _ charge: Charge, operation: String, fingerprint: String, terms: Reservation.Terms = Reservation.Terms()
    ) -> any Claim {
        QuotaClaim(
            id: runtime.id(), charge: charge, operation: operation, fingerprint: fingerprint, terms: terms,
            node: nodes.current, entitlements: entitlements, levels: levels)
    }

    /// Settles a reservation whose work succeeded. Units beyond the reserved ones are charged too, and so is a
    /// reservation that expired meanwhile; what exceeds the limit is recorded as an overrun.
    /// - Parameters:
    ///   - units: the units that the work used; nil for the reserved ones.
    ///   - fence: the holder's fence; nil from the only caller that settles this work.
    /// - Returns: the reservation afterwards, also on a repeat; nil where it does not exist any more.
    /// - Throws: `reservation-lost` for another fence.
    @discardableResult
    package func commit(_ id: ID<Reservation>, units: Int64? = nil, fence: Int64? = nil, in transaction: Transaction)
        throws -> Reservation?
    {
        guard let earlier = try transaction.reservation(id) else { return nil }
        let units = units ?? earlier.amount
        guard units >= 0 else { throw Problem.invalid("/units", "is 0 or more") }
        let remaining = try earlier.needsRemaining(units) ? remaining(for: earlier, in: transaction) : 0
        var later = earlier
        guard let effect = try later.commit(units, remaining: remaining, fence: fence) else { return earlier }
        try write(effect, moving: earlier, to: later, in: transaction)
        return later
    }

    /// Settles a reservation whose work failed or was cancelled. A repeat changes nothing.
    /// - Returns: as ``commit(_:units:fence:in:)``.
    /// - Throws: `reservation-lost` for another fence.
    @discardableResult
    package func release(_ id: ID<Reservation>, fence: Int64? = nil, in transaction: Transaction) throws -> Reservation?
    {
        guard let earlier = try transaction.reservation(id) else { return nil }
        var later = earlier
        guard let effect = try later.release(fence: fence) else { return earlier }
        try write(effect, moving: earlier, to: later, in: transaction)
        return later
    }

    /// Renews the lease of work in progress.
    /// - Returns: false when the reservation or its lease has ended, by the database's time, or it has another fence.
    @discardableResult
    package func extend(
        _ id: ID<Reservation>, fence: Int64? = nil, lease: Duration = QuotaService.lease, in transaction: Transaction
    ) throws -> Bool {
        guard let earlier = try transaction.reservation(id) else { return false }
        var later = earlier
        guard later.extend(until: transaction.now + lease, fence: fence, at: transaction.now) else { return false }
        return try transaction.move(earlier, to: later)
    }

    // MARK: Spending

    /// Uses the units of a charge for work that is done in this transaction.
    /// - Parameter operation: the unique key of this work; a repeat is not charged.
    /// - Throws: `quota-exceeded`, `no-active-subscription`; `operation-conflict` where the key was used for something
    ///   else.
    package func spend(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        if transaction.now >= charge.entitlement.validUntil,
            let renewed = try entitlements.renewed(charge, in: transaction)
        {
            return try spend(renewed, operation: operation, in: transaction)
        }
        let bucket = charge.bucket
        guard try transaction.insertUsage(bucket, operation: operation, amount: charge.units) else {
            return try requireSame(charge, operation: operation, in: transaction)
        }
        let basis = charge.entitlement.basis
        guard let level = try transaction.use(charge.units, of: bucket, limit: charge.limit, basis: basis) else {
            try transaction.deleteUsage(ofOperation: operation, of: bucket.organisation)
            if let renewed = try entitlements.renewed(charge, in: transaction) {
                return try spend(renewed, operation: operation, in: transaction)
            }
            if try transaction.releaseEndedLeases(in: bucket) > 0 {
                return try spend(charge, operation: operation, in: transaction)
            }
            throw charge.refusal(try transaction.level(of: bucket))
        }
        if charge.limit == .unlimited {
            levels.invalidateSnapshot(of: bucket.organisation, after: transaction)
        } else {
            levels.set(level, of: bucket, after: transaction)
        }
        // The subscription is read only where the usage is at an alert threshold, which is rare. A limit that was
        // lowered since the gate's check is noticed with the next unit.
        guard case .upTo(let limit) = charge.limit, !UsageAlertService.thresholds(at: level.used, of: limit).isEmpty
        else { return }
        try alerts.sendAlerts(for: bucket, at: level, in: transaction)
    }

    private func requireSame(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        let earlier = try transaction.usage(ofOperation: operation, of: charge.organisation)
        guard let earlier, earlier == (charge.meter.name, charge.units) else { throw Problem(.operationConflict) }
    }

    // MARK: Settling

    /// Writes a transition: the reservation, its usage entry, and last the bucket.
    func write(
        _ effect: Reservation.Effect, moving earlier: Reservation, to later: Reservation, in transaction: Transaction
    ) throws {
        // The row has been locked since it was read, so that this fails only for a caller that read it without the
        // lock.
        guard try transaction.move(earlier, to: later) else { throw Problem(.reservationLost) }
        if effect.used > 0 { try insertUsage(effect, of: later, in: transaction) }
        try settle(later.bucket, held: effect.held, used: effect.used, in: transaction)
    }

    /// Writes usage entries and buckets of reservations that have expired. Buckets are locked in the order of
    /// ``Bucket/lockKey``.
    func settle(_ expired: [Reservation], in transaction: Transaction) throws {
        for reservation in expired where reservation.state == .committed {
            try insertUsage(Reservation.Effect(used: reservation.amount), of: reservation, in: transaction)
        }
        for (bucket, reservations) in Dictionary(grouping: expired, by: \.bucket).sorted(by: {
            $0.key.lockKey < $1.key.lockKey
        }) {
            let held = reservations.reduce(0) { $0 + $1.amount }
            let used = reservations.reduce(0) { $0 + ($1.actual ?? 0) }
            try settle(bucket, held: held, used: used, in: transaction)
        }
    }

    private func settle(_ bucket: Bucket, held: Int64, used: Int64, in transaction: Transaction) throws {
        guard let level = try transaction.settle(bucket, held: held, used: used) else { return }
        guard used > 0 else { return levels.set(level, of: bucket, after: transaction) }
        try alerts.sendAlerts(for: bucket, at: level, in: transaction)
    }

    private func insertUsage(_ effect: Reservation.Effect, of reservation: Reservation, in transaction: Transaction)
        throws
    {
        let isNew = try transaction.insertUsage(
            reservation.bucket, operation: reservation.operation, amount: effect.used, beyond: effect.beyond,
            isOverrun: effect.beyond > 0, reservation: reservation.id)
        guard isNew else {
            throw Problem(
                .operationConflict, detail: "Units were spent under the key of a reservation: \(reservation.operation)."
            )
        }
    }

    /// The bucket's units that are neither used nor reserved. The bucket's row is locked until the transaction ends.
    func remaining(for reservation: Reservation, in transaction: Transaction) throws -> Int64 {
        let limit = try self.limit(for: reservation, in: transaction)
        let level = try transaction.lockedLevel(of: reservation.bucket).level
        return limit.bound - level.used - level.held
    }

    /// The limit of a reservation's bucket under the organisation's current plan.
    func limit(for reservation: Reservation, in transaction: Transaction) throws -> Limit {
        guard let subscription = try transaction.subscription(of: reservation.organisation),
            let (plan, _) = plans.activePlan(of: subscription, at: transaction.now)
        else { return .upTo(0) }
        return plan.limits[reservation.bucket.meter] ?? .upTo(0)
    }
}
