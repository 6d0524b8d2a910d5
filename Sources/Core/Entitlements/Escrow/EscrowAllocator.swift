import Modules

/// The database transactions of escrow pools: opens blocks, serves charges and settles closed blocks.
final class EscrowAllocator: Sendable {
    private static let blockTerms = Reservation.Terms(
        lifetime: .process, onExpiry: .commit, lease: EscrowService.lease)

    private let database: any Database
    private let quotas: QuotaService
    private let alerts: UsageAlertService
    private let nodes: NodeRegistry
    private let levels: LevelCache
    private let runtime: Runtime

    init(
        database: any Database, quotas: QuotaService, alerts: UsageAlertService, nodes: NodeRegistry,
        levels: LevelCache, runtime: Runtime
    ) {
        self.database = database
        self.quotas = quotas
        self.alerts = alerts
        self.nodes = nodes
        self.levels = levels
        self.runtime = runtime
    }

    /// Settles the closed blocks of a batch and serves its charges, in one transaction.
    func allocate(_ batch: EscrowBatch) async throws(Problem) -> EscrowAllocation {
        try await database.write { [self] in try allocate(batch, in: $0) }
    }

    /// Commits blocks with the units that were spent of them.
    func settle(_ closed: [ClosedBlock]) async throws(Problem) {
        try await database.write { [self] in try settle(closed, in: $0) }
    }

    /// The block size for this many remaining units and live nodes; 1 opens no block.
    static func blockSize(remaining: Int64, nodes: Int64) -> Int64 {
        max(1, min(EscrowService.blockMax, remaining / (4 * max(1, nodes))))
    }

    private func allocate(_ batch: EscrowBatch, in transaction: Transaction) throws -> EscrowAllocation {
        try settle(batch.closed, in: transaction)
        // The newest charge has the newest limit.
        guard let charge = batch.charges.last else { return EscrowAllocation(outcomes: []) }
        let (locked, recalledAt) = try transaction.lockedLevel(of: charge.bucket)
        var level = locked
        let wanted = batch.charges.reduce(0) { $0 + $1.units }
        if level.held > 0, !charge.limit.allows(level.used + level.held + wanted) {
            level.held -= try transaction.releaseEndedLeases(in: charge.bucket)
        }
        let remaining = charge.limit.bound - level.used - level.held
        var granted: Int64 = 0
        let fits = batch.charges.map { charge in
            guard charge.units <= remaining - granted else { return false }
            granted += charge.units
            return true
        }
        let isRecalled = recalledAt.map { transaction.now - $0 < EscrowService.recallPause } ?? false
        let size =
            isRecalled ? 1 : Self.blockSize(remaining: remaining - granted, nodes: try transaction.countLiveNodes())
        let amount = granted + (size > 1 ? min(size, remaining - granted) : 0)
        let id: ID<Reservation> = runtime.id()
        var block: EscrowAllocation.Block?
        if amount > granted {
            let reservation = Reservation(
                id, of: amount, in: charge.bucket, operation: "escrow:\(id)", fingerprint: "", terms: Self.blockTerms,
                at: transaction.now)
            guard try transaction.insert(reservation, node: nodes.current, isBlock: true) else {
                throw Problem(.operationConflict)
            }
            // The first requests of a bucket have no row to lock. One of them inserts it; the others try again.
            guard let held = try transaction.hold(amount, in: charge.bucket, limit: charge.limit) else {
                try transaction.delete(reservation)
                return EscrowAllocation(outcomes: fits.map { _ in .waiting })
            }
            levels.set(held, of: charge.bucket, after: transaction)
            block = EscrowAllocation.Block(id: id, units: amount, spent: granted)
        } else if amount > 0 {
            guard let used = try transaction.use(amount, of: charge.bucket, limit: charge.limit) else {
                return EscrowAllocation(outcomes: fits.map { _ in .waiting })
            }
            try transaction.insertUsage(charge.bucket, operation: "escrow:\(id)", amount: amount)
            try alerts.sendAlerts(for: charge.bucket, at: used, in: transaction)
        }
        let isElsewhere = try fits.contains(false) && transaction.hasBlocks(in: charge.bucket, besides: id)
        if isElsewhere { try transaction.recallBlocks(of: charge.bucket) }
        return EscrowAllocation(
            outcomes: zip(batch.charges, fits).map { charge, fits in
                fits ? .granted : isElsewhere ? .waiting : .refused(charge.refusal(level))
            },
            block: block
        )
    }

    private func settle(_ closed: [ClosedBlock], in transaction: Transaction) throws {
        for block in closed {
            if block.spent > 0 {
                try quotas.commit(block.id, units: block.spent, in: transaction)
            } else {
                try quotas.release(block.id, in: transaction)
            }
        }
    }
}
