import Audit
package import Identity
package import Modules

/// Taking from limits, in the transaction of the work that takes: all of it happens, or none.
extension EntitlementsModule {
    /// How long a reservation stands without a word from its work.
    package static let lease: Duration = .hours(6)

    /// Holds the units of a charge for work that ends later.
    /// - Parameters:
    ///   - operation: names this work for good; the same key is never charged twice, and answered with what it was given at first.
    ///   - fingerprint: what the work is about; the same key with another fingerprint, or other units, is a conflict.
    ///   - terms: whether the work outlives its process, and what becomes of it at its end and at its loss.
    /// - Throws: `quota-exceeded` when somebody else was faster, `operation-conflict`.
    @discardableResult
    package func reserve(
        _ charge: Charge,
        operation: String,
        fingerprint: String,
        terms: Reservation.Terms = Reservation.Terms(),
        in transaction: Transaction
    ) throws -> ID<Reservation> {
        try hold(charge, operation: operation, fingerprint: fingerprint, terms: terms, in: transaction).id
    }

    /// As ``reserve(_:operation:fingerprint:terms:in:)``.
    /// - Returns: the reservation, and whether it was made now.
    func hold(
        _ charge: Charge,
        operation: String,
        fingerprint: String,
        terms: Reservation.Terms,
        in transaction: Transaction
    ) throws -> (id: ID<Reservation>, isNew: Bool) {
        let claim = QuotaClaim(charge, operation: operation, fingerprint: fingerprint, terms: terms, of: self)
        switch try claim.take(in: transaction) {
        case .now(let id): return (ID(trusted: id), true)
        case .before(let id): return (ID(trusted: id), false)
        case .refused(let problem): throw problem
        }
    }

    /// As ``reserve(_:operation:fingerprint:terms:in:)`` for several limits: all or none.
    /// - Parameters:
    ///   - charges: in the order in which their refusals are told; each of another meter.
    ///   - key: names the request for good; the operation of each charge is made from it (``Charge/operation(key:)``).
    /// - Returns: what is held, in the order of the charges.
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
            QuotaClaim($0, operation: $0.operation(key: key), fingerprint: fingerprint, terms: terms, of: self)
        }
        return try take(claims, in: transaction).map { ID(trusted: $0) }
    }

    /// The work ended well. Its units are used: those that were held, or as many as it took. More than were held are admitted again if they fit;
    /// if not, the reservation's ``Reservation/Excess`` says what becomes of them. A reservation that was lost meanwhile is admitted again if it
    /// fits, and counted as an overrun if it does not: work that was done is never forgotten.
    /// - Parameters:
    ///   - units: what the work took; nil is what was held.
    ///   - fence: of whoever says so; nil from those who cannot have lost the work to another.
    /// - Returns: the reservation as it is now, also for those who say the same again; nil where there is none any more.
    /// - Throws: `reservation-lost`.
    @discardableResult
    package func commit(_ id: ID<Reservation>, units: Int64? = nil, fence: Int64? = nil, in transaction: Transaction)
        throws -> Reservation?
    {
        guard let earlier = try transaction.reservation(id) else { return nil }
        let units = units ?? earlier.amount
        guard units >= 0 else { throw Problem.invalid("/units", "is 0 or more") }
        let room = try earlier.asksForRoom(units) ? room(for: earlier, in: transaction) : 0
        var later = earlier
        guard let effect = try later.commit(units, room: room, fence: fence) else { return earlier }
        try write(effect, moving: earlier, to: later, in: transaction)
        return later
    }

    /// The work failed or was called off: its units are free again. Saying so twice changes nothing.
    /// - Returns: as ``commit(_:units:fence:in:)``.
    /// - Throws: `reservation-lost`.
    @discardableResult
    package func release(_ id: ID<Reservation>, fence: Int64? = nil, in transaction: Transaction) throws -> Reservation?
    {
        guard let earlier = try transaction.reservation(id) else { return nil }
        var later = earlier
        guard let effect = try later.release(fence: fence) else { return earlier }
        try write(effect, moving: earlier, to: later, in: transaction)
        return later
    }

    /// The work is alive: its lease begins anew.
    /// - Returns: whether the reservation still stands, and in the hands of whoever shows this fence.
    @discardableResult
    package func extend(
        _ id: ID<Reservation>, fence: Int64? = nil, lease: Duration = Self.lease, in transaction: Transaction
    ) throws -> Bool {
        guard let earlier = try transaction.reservation(id) else { return false }
        var later = earlier
        guard later.extend(until: transaction.now + lease, fence: fence) else { return false }
        return try transaction.move(earlier, to: later)
    }

    /// Others go on with the work: from now on only they can extend it and settle it.
    /// - Returns: the fence that they show; nil where nothing is held any more.
    package func takeUp(_ id: ID<Reservation>, lease: Duration = Self.lease, in transaction: Transaction) throws
        -> Int64?
    {
        guard let earlier = try transaction.reservation(id) else { return nil }
        var later = earlier
        guard let fence = later.takeUp(until: transaction.now + lease), try transaction.move(earlier, to: later) else {
            return nil
        }
        return fence
    }

    /// Uses the units of a charge at once: for work that is done in this transaction.
    /// - Parameter operation: names this work for good; the same key is charged once.
    /// - Throws: `quota-exceeded`; `operation-conflict` where the key was used for something else.
    package func spend(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        let bucket = charge.bucket
        if charge.mode == .advisory { return try note(charge, operation: operation, in: transaction) }
        guard try transaction.insertUsage(bucket, operation: operation, amount: charge.units) else {
            return try requireSame(charge, operation: operation, in: transaction)
        }
        guard let level = try transaction.use(charge.units, of: bucket, limit: charge.limit) else {
            try transaction.deleteUsage(ofOperation: operation, of: bucket.organisation)
            throw charge.refusal(try transaction.level(of: bucket))
        }
        // Most units are far from any part of the limit that is told of, and the plan need not be read for them. A limit that was lowered since the
        // gate looked is noticed with the next unit.
        guard case .upTo(let limit) = charge.limit, !UsageService.thresholds(at: level.used, of: limit).isEmpty else {
            return
        }
        try usage.noticeThresholds(of: bucket, at: level, in: transaction)
    }

    /// Counts without a limit, and says how much of it lies beyond.
    private func note(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        guard try transaction.usage(ofOperation: operation, of: charge.organisation) == nil else {
            return try requireSame(charge, operation: operation, in: transaction)
        }
        let level = try transaction.use(charge.units, of: charge.bucket, limit: .unlimited) ?? Level()
        let beyond = min(charge.units, max(0, level.used + level.held - charge.limit.bound))
        guard try transaction.insertUsage(charge.bucket, operation: operation, amount: charge.units, beyond: beyond)
        else {
            throw Problem(.operationConflict)
        }
        try usage.noticeThresholds(of: charge.bucket, at: level, in: transaction)
    }

    private func requireSame(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        let earlier = try transaction.usage(ofOperation: operation, of: charge.organisation)
        guard let earlier, earlier == (charge.meter.name, charge.units) else { throw Problem(.operationConflict) }
    }

    /// Takes room in the organisation's storage.
    /// - Throws: `storage-exceeded`.
    package func occupy(bytes: Int64, of standing: EntitlementSnapshot, in transaction: Transaction) throws {
        let bucket = Bucket.storage(of: standing.organisation)
        guard try transaction.use(bytes, of: bucket, limit: standing.plan.storageBytes) != nil else {
            throw standing.storageRefusal(try transaction.level(of: bucket))
        }
    }

    /// Looks whether `bytes` more would find room in the organisation's storage, to refuse early what ``occupy(bytes:of:in:)`` would
    /// refuse in the end.
    /// - Throws: `storage-exceeded`.
    package func checkRoom(for bytes: Int64, of standing: EntitlementSnapshot, in transaction: Transaction) throws {
        let level = try transaction.level(of: Bucket.storage(of: standing.organisation))
        guard standing.plan.storageBytes.allows(level.used + bytes) else { throw standing.storageRefusal(level) }
    }

    /// Gives room in the organisation's storage back.
    package func vacate(bytes: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try transaction.settle(Bucket.storage(of: organisation), held: 0, used: -bytes)
    }

    /// Whether an operation was admitted before.
    func knows(operation: String, of organisation: ID<Organisation>) async throws(Problem) -> Bool {
        try await database.read { try $0.isKnown(operation: operation, of: organisation) }
    }

    /// Writes a move down: who settles it, what it adds to the usage, and last what becomes of the bucket.
    func write(
        _ effect: Reservation.Effect, moving earlier: Reservation, to later: Reservation, in transaction: Transaction
    ) throws {
        // Its row is locked since it was read: nobody else can have moved it.
        guard try transaction.move(earlier, to: later) else { throw Problem(.reservationLost) }
        if effect.used > 0 { try insertUsage(effect, of: later, in: transaction) }
        try change(later.bucket, held: effect.held, used: effect.used, in: transaction)
    }

    func change(_ bucket: Bucket, held: Int64, used: Int64, in transaction: Transaction) throws {
        guard let level = try transaction.settle(bucket, held: held, used: used), used > 0 else { return }
        try usage.noticeThresholds(of: bucket, at: level, in: transaction)
    }

    func insertUsage(_ effect: Reservation.Effect, of reservation: Reservation, in transaction: Transaction) throws {
        let isNew = try transaction.insertUsage(
            reservation.bucket, operation: reservation.operation, amount: effect.used, beyond: effect.beyond,
            isOverrun: effect.isOverrun)
        guard isNew else {
            throw Problem(
                .operationConflict, detail: "Units were spent under the key of a reservation: \(reservation.operation)."
            )
        }
    }

    /// What the bucket of a reservation has left beside what is held. Kept from others until the transaction ends.
    func room(for reservation: Reservation, in transaction: Transaction) throws -> Int64 {
        let limit = try self.limit(for: reservation, in: transaction)
        let level = try transaction.lockedLevel(of: reservation.bucket).level
        return limit.bound - level.used - level.held
    }

    private func limit(for reservation: Reservation, in transaction: Transaction) throws -> Limit {
        guard let subscription = try transaction.subscription(of: reservation.organisation),
            let (plan, _) = plans.holding(subscription, at: transaction.now)
        else { return .upTo(0) }
        return plan.limits[reservation.bucket.meter] ?? .upTo(0)
    }
}

extension EntitlementSnapshot {
    fileprivate func storageRefusal(_ level: Level) -> Problem {
        func megabytes(_ bytes: Int64) -> JSONValue { .number((Double(bytes) / 1_048_576 * 100).rounded() / 100) }
        return Problem(
            .storageExceeded,
            detail: "Delete files that are no longer needed, or change the plan.",
            members: [
                "plan": .string(plan.name), "current_usage_mb": megabytes(level.used),
                "limit_mb": megabytes(plan.storageBytes.value),
            ]
        )
    }
}

extension Charge {
    var bucket: Bucket { Bucket(organisation: organisation, meter: meter.name, periodStart: period.start) }
}
