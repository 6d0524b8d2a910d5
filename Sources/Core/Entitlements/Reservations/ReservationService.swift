import Audit
package import Identity
package import Modules

/// Taking from limits, in the transaction of the work that takes: all of it happens, or none.
extension EntitlementsModule {
    /// How long a reservation stands without a word from its work.
    package static let lease: Duration = .hours(6)

    /// Holds the units of a charge for work that ends later.
    /// - Parameters:
    ///   - operation: names this work for good; the same key is never charged twice.
    ///   - fingerprint: what the work is about; the same key with another fingerprint is a conflict.
    /// - Throws: `quota-exceeded` when somebody else was faster, `operation-conflict`.
    package func reserve(_ charge: Charge, operation: String, fingerprint: String, in transaction: Transaction) throws -> ID<Reservation> {
        let bucket = charge.bucket
        guard try transaction.hold(charge.units, in: bucket, limit: charge.limit) else { throw charge.refusal(try transaction.level(of: bucket)) }
        let id: ID<Reservation> = runtime.id()
        guard try transaction.insertReservation(id, charge, operation: operation, fingerprint: fingerprint, leaseUntil: transaction.now + Self.lease) else {
            throw Problem(.operationConflict)
        }
        return id
    }

    /// The work ended well: its units are used. A reservation whose lease ran out meanwhile is admitted again if it fits, and
    /// counted as an overrun if it does not: work that was done is never forgotten.
    package func commit(_ id: ID<Reservation>, in transaction: Transaction) throws {
        guard let reservation = try transaction.reservation(id) else { return }
        switch reservation.state {
        case .held:
            guard try transaction.move(reservation, from: .held, to: .committed, actual: reservation.amount) else { return }
            try transaction.settle(reservation.bucket, held: reservation.amount, used: reservation.amount)
            try transaction.insertUsage(reservation.bucket, operation: reservation.operation, amount: reservation.amount, isOverrun: false)
            try usage.noticeThresholds(of: reservation.bucket, in: transaction)
        case .expired:
            guard try transaction.move(reservation, from: .expired, to: .committed, actual: reservation.amount) else { return }
            let limit = try self.limit(for: reservation, in: transaction)
            let fits = try transaction.use(reservation.amount, of: reservation.bucket, limit: limit)
            if !fits { try transaction.settle(reservation.bucket, held: 0, used: reservation.amount) }
            try transaction.insertUsage(reservation.bucket, operation: reservation.operation, amount: reservation.amount, isOverrun: !fits)
            try usage.noticeThresholds(of: reservation.bucket, in: transaction)
        case .committed, .released: return
        }
    }

    /// The work failed or was called off: its units are free again. Saying so twice changes nothing.
    package func release(_ id: ID<Reservation>, in transaction: Transaction) throws {
        guard let reservation = try transaction.reservation(id), reservation.state == .held,
            try transaction.move(reservation, from: .held, to: .released, actual: 0)
        else { return }
        try transaction.settle(reservation.bucket, held: reservation.amount, used: 0)
    }

    /// The work is alive: its lease begins anew.
    package func extend(_ id: ID<Reservation>, in transaction: Transaction) throws {
        _ = try transaction.extend(id, until: transaction.now + Self.lease)
    }

    /// Uses the units of a charge at once: for work that is done in this transaction.
    /// - Throws: `quota-exceeded`.
    package func spend(_ charge: Charge, operation: String, in transaction: Transaction) throws {
        let bucket = charge.bucket
        guard try transaction.use(charge.units, of: bucket, limit: charge.limit) else { throw charge.refusal(try transaction.level(of: bucket)) }
        try transaction.insertUsage(bucket, operation: operation, amount: charge.units, isOverrun: false)
        try usage.noticeThresholds(of: bucket, in: transaction)
    }

    /// Takes room in the organisation's storage.
    /// - Throws: `storage-exceeded`.
    package func occupy(bytes: Int64, of standing: Standing, in transaction: Transaction) throws {
        let bucket = Bucket.storage(of: standing.organisation)
        guard try transaction.use(bytes, of: bucket, limit: standing.plan.storageBytes) else {
            throw standing.storageRefusal(try transaction.level(of: bucket))
        }
    }

    /// Looks whether `bytes` more would find room in the organisation's storage, to refuse early what ``occupy(bytes:of:in:)`` would
    /// refuse in the end.
    /// - Throws: `storage-exceeded`.
    package func checkRoom(for bytes: Int64, of standing: Standing, in transaction: Transaction) throws {
        let level = try transaction.level(of: Bucket.storage(of: standing.organisation))
        guard standing.plan.storageBytes.allows(level.used + bytes) else { throw standing.storageRefusal(level) }
    }

    /// Gives room in the organisation's storage back.
    package func vacate(bytes: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try transaction.settle(Bucket.storage(of: organisation), held: 0, used: -bytes)
    }

    /// Gives back what reservations held whose lease ran out.
    /// - Returns: how many there were.
    @discardableResult
    package func recover() async throws(Problem) -> Int {
        var total = 0
        while true {
            let count = try await database.write { transaction in
                let expired = try transaction.expireReservations(limit: 500)
                for reservation in expired { try transaction.settle(reservation.bucket, held: reservation.amount, used: 0) }
                return expired.count
            }
            total += count
            if count < 500 { return total }
        }
    }

    /// Whether an operation was admitted before.
    func knows(operation: String, of organisation: ID<Organisation>) async throws(Problem) -> Bool {
        try await database.read { try $0.fingerprint(ofOperation: operation, of: organisation) != nil }
    }

    private func limit(for reservation: Reservation, in transaction: Transaction) throws -> Limit {
        guard let subscription = try transaction.subscription(of: reservation.organisation), let (plan, _) = plans.holding(subscription, at: transaction.now)
        else { return .upTo(0) }
        return plan.limits[reservation.bucket.meter] ?? .upTo(0)
    }
}

extension Standing {
    fileprivate func storageRefusal(_ level: Level) -> Problem {
        func megabytes(_ bytes: Int64) -> JSONValue { .number((Double(bytes) / 1_048_576 * 100).rounded() / 100) }
        return Problem(
            .storageExceeded,
            detail: "Delete files that are no longer needed, or change the plan.",
            members: ["plan": .string(plan.name), "current_usage_mb": megabytes(level.used), "limit_mb": megabytes(plan.storageBytes.value)]
        )
    }
}

extension Charge {
    var bucket: Bucket { Bucket(organisation: organisation, meter: meter.name, periodStart: period.start) }
}
