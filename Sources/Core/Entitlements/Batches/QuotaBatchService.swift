import Modules

/// Performs the calls of one transaction. Rows are locked in one order: reservations by id, then buckets by
/// ``Bucket/lockKey``.
final class QuotaBatchService: Sendable {
    /// The code of the error where another transaction has inserted a row of the same key meanwhile; the next try finds
    /// it.
    static let conflictCode = "batch"

    private let quotas: QuotaService
    private let alerts: UsageAlertService
    private let entitlements: EntitlementCache
    private let levels: LevelCache

    init(
        quotas: QuotaService, alerts: UsageAlertService, entitlements: EntitlementCache, levels: LevelCache
    ) {
        self.levels = levels
        self.quotas = quotas
        self.alerts = alerts
        self.entitlements = entitlements
    }

    /// Performs calls in their order. A refused call changes nothing, and the others are performed.
    func perform(_ calls: [QuotaCall], in transaction: Transaction) throws -> [Result<QuotaOutcome, Problem>] {
        var calls = calls
        let refusals = try renew(&calls, in: transaction).merging(refusalsOfOwners(calls, in: transaction)) { $1 }
        var batch = try batch(of: calls, in: transaction)
        var results: [Result<QuotaOutcome, Problem>] = []
        results.reserveCapacity(calls.count)
        for (index, call) in calls.enumerated() {
            if let refusal = refusals[index] {
                results.append(.failure(refusal))
                continue
            }
            do {
                results.append(.success(try perform(call, &batch, in: transaction)))
            } catch let refusal as Problem {
                results.append(.failure(refusal))
            }
        }
        try write(batch, in: transaction)
        var limits: [Bucket: Limit] = [:]
        for charge in calls.compactMap(\.charge) { limits[charge.bucket] = charge.limit }
        levels.set(
            batch.levels.filter { limits[$0.key] != .unlimited }, of: Set(batch.changes.keys.map(\.organisation)),
            after: transaction)
        try sendAlerts(batch, limits, in: transaction)
        return results
    }

    private func perform(_ call: QuotaCall, _ batch: inout QuotaBatch, in transaction: Transaction) throws
        -> QuotaOutcome
    {
        switch call {
        case .reserve(let hold): return .reservation(try batch.reserve(hold, at: transaction.now))
        case .spend(let charge, let operation):
            try batch.spend(charge, operation: operation)
            return .spent
        case .commit(let id, let units, let owner):
            let view = try batch.commit(id, units: units, of: owner) { [quotas] reservation in
                try quotas.limit(for: reservation, in: transaction)
            }
            return .reservation(view)
        case .release(let id, let owner): return .reservation(try batch.release(id, of: owner))
        }
    }

    /// Replaces charges whose terms are not the current ones.
    /// - Returns: the refusals of calls whose organisation has no active subscription, by index.
    private func renew(_ calls: inout [QuotaCall], in transaction: Transaction) throws -> [Int: Problem] {
        let charges = calls.compactMap(\.charge)
        let current = try transaction.current(of: Set(charges.map(\.entitlement.basis)))
        var refusals: [Int: Problem] = [:]
        for (index, call) in calls.enumerated() {
            guard let charge = call.charge,
                !current.contains(charge.entitlement.basis) || transaction.now >= charge.entitlement.validUntil
            else { continue }
            do {
                if let renewed = try entitlements.renewed(charge, in: transaction) {
                    calls[index] = call.with(renewed)
                }
            } catch let refusal as Problem {
                refusals[index] = refusal
            }
        }
        return refusals
    }

    /// The refusals of calls whose service key has ended since the gate found it, by index.
    private func refusalsOfOwners(_ calls: [QuotaCall], in transaction: Transaction) throws -> [Int: Problem] {
        let keys = Set(calls.compactMap(\.owner?.key))
        guard !keys.isEmpty else { return [:] }
        let valid = try transaction.validServiceKeys(keys)
        var refusals: [Int: Problem] = [:]
        for (index, call) in calls.enumerated() {
            if let owner = call.owner, !valid.contains(owner.key) { refusals[index] = .serviceKeyEnded }
        }
        return refusals
    }

    /// Reads what the calls start from.
    private func batch(of calls: [QuotaCall], in transaction: Transaction) throws -> QuotaBatch {
        var batch = QuotaBatch()
        let settled = Set(calls.compactMap(\.reservation))
        batch.stored = try transaction.lockedReservations(settled)
        for id in settled where batch.stored[id] == nil {
            batch.deleted[id] = try transaction.deletedReservation(id)
        }
        var operations: Set<QuotaBatch.Operation> = []
        // Those whose reservation may be the result of a call.
        var shown: Set<QuotaBatch.Operation> = []
        var buckets = Set(batch.stored.values.map(\.bucket))
        for call in calls {
            switch call {
            case .reserve(let hold):
                shown.insert(QuotaBatch.Operation(organisation: hold.charge.organisation, key: hold.operation))
                buckets.insert(hold.charge.bucket)
            case .spend(let charge, let operation):
                operations.insert(QuotaBatch.Operation(organisation: charge.organisation, key: operation))
                buckets.insert(charge.bucket)
            case .commit(let id, _, _), .release(let id, _):
                guard let stored = batch.stored[id] else { break }
                let operation = QuotaBatch.Operation(organisation: stored.organisation, key: stored.operation)
                if stored.state == .committed { shown.insert(operation) } else { operations.insert(operation) }
            }
        }
        for earlier in try transaction.earlierOperations(operations.union(shown)) {
            let operation = earlier.operation
            batch.usage[operation] = earlier.usage
            guard shown.contains(operation) else { continue }
            batch.reservations[operation] = try transaction.remoteReservation(
                ofOperation: operation.key, of: operation.organisation)
        }
        let ordered = buckets.map { (key: $0.lockKey, bucket: $0) }.sorted { $0.key < $1.key }.map(\.bucket)
        var levels = try transaction.lockedLevels(of: ordered)
        try releaseEndedLeases(calls, besides: batch.stored.values, in: &levels, transaction)
        batch.lock(ordered, existing: levels)
        return batch
    }

    /// Expires ended leases of the buckets that have too few units left for all of the calls.
    private func releaseEndedLeases(
        _ calls: [QuotaCall], besides stored: some Collection<Reservation>, in levels: inout [Bucket: Level],
        _ transaction: Transaction
    ) throws {
        var wanted: [Bucket: (units: Int64, limit: Limit)] = [:]
        for charge in calls.compactMap(\.charge) {
            wanted[charge.bucket, default: (0, charge.limit)].units += charge.units
        }
        for (bucket, wanted) in wanted {
            guard let level = levels[bucket], level.held > 0,
                !wanted.limit.allows(level.used + level.held + wanted.units)
            else { continue }
            let changing = stored.filter { $0.state == .held && $0.leaseUntil < transaction.now }.map(\.id)
            levels[bucket]?.held -= try transaction.releaseEndedLeases(in: bucket, besides: changing)
        }
    }

    private func write(_ batch: QuotaBatch, in transaction: Transaction) throws {
        let written =
            try transaction.insert(batch.made) && transaction.update(batch.settlements)
            && transaction.insert(batch.entries) && transaction.add(batch.changes(existing: true))
            && transaction.insert(batch.changes(existing: false))
        guard written else {
            throw StorageError(
                .serialization, code: Self.conflictCode, message: "another transaction has inserted the same key")
        }
    }

    /// - Parameter limits: of the buckets that the calls take units from.
    private func sendAlerts(_ batch: QuotaBatch, _ limits: [Bucket: Limit], in transaction: Transaction) throws {
        for (bucket, change) in batch.changes where change.used > 0 {
            let level = batch.levels[bucket] ?? Level()
            switch limits[bucket] {
            case .unlimited?: continue
            // The subscription is read only where the usage is at a threshold of the limit that the calls have.
            case .upTo(let limit)? where UsageAlertService.thresholds(at: level.used, of: limit).isEmpty: continue
            case .upTo?, nil: try alerts.sendAlerts(for: bucket, at: level, in: transaction)
            }
        }
    }
}

extension QuotaCall {
    /// The units that the call takes.
    fileprivate var charge: Charge? {
        switch self {
        case .reserve(let hold): hold.charge
        case .spend(let charge, _): charge
        case .commit, .release: nil
        }
    }

    /// The same call with another charge.
    fileprivate func with(_ charge: Charge) -> QuotaCall {
        switch self {
        case .reserve(var hold):
            hold.charge = charge
            return .reserve(hold)
        case .spend(_, let operation): return .spend(charge, operation: operation)
        case .commit, .release: return self
        }
    }

    /// The service key that makes the call.
    fileprivate var owner: ReservationOwner? {
        switch self {
        case .reserve(let hold): hold.owner
        case .commit(_, _, let owner), .release(_, let owner): owner
        case .spend: nil
        }
    }

    /// The reservation that the call settles.
    fileprivate var reservation: ID<Reservation>? {
        switch self {
        case .commit(let id, _, _), .release(let id, _): id
        case .reserve, .spend: nil
        }
    }
}
