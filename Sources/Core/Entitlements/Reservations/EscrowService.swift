package import Modules
package import ServiceLifecycle

/// What a pool asks the database for: to write down what was spent, and to serve those who wait.
struct EscrowRound: Sendable {
    let closed: [EscrowPool.Closed]
    /// Of one bucket, in the order of their coming.
    let charges: [Charge]
}

/// What it is given.
struct EscrowSupply: Sendable {
    enum Outcome: Sendable {
        case granted
        case refused(Problem)
        /// Others hold what is left, and have been told to give it back.
        case waits
    }

    struct Opened: Sendable {
        let id: ID<Reservation>
        let units: Int64
        /// Those that the granted ones take.
        let spent: Int64
    }

    var outcomes: [Outcome]
    var block: Opened?
}

extension EntitlementsModule {
    private static let blockTerms = Reservation.Terms(life: .process, loss: .settle, lease: Escrow.lease)

    /// One transaction of a pool.
    func supply(_ round: EscrowRound, in transaction: Transaction) throws -> EscrowSupply {
        try settle(round.closed, in: transaction)
        // The newest charge knows the newest terms.
        guard let charge = round.charges.last else { return EscrowSupply(outcomes: []) }
        let (level, recalledAt) = try transaction.lockedLevel(of: charge.bucket)
        let room = charge.limit.bound - level.used - level.held
        var promised: Int64 = 0
        let fits = round.charges.map { charge in
            guard charge.units <= room - promised else { return false }
            promised += charge.units
            return true
        }
        let isCalm = recalledAt.map { transaction.now - $0 < Escrow.calm } ?? false
        let size = isCalm ? 1 : Escrow.blockSize(room: room - promised, nodes: try transaction.countLivingNodes())
        let amount = promised + (size > 1 ? min(size, room - promised) : 0)
        let id: ID<Reservation> = runtime.id()
        var block: EscrowSupply.Opened?
        if amount > promised {
            let reservation = Reservation(
                id, of: amount, in: charge.bucket, operation: "escrow:\(id)", fingerprint: "", terms: Self.blockTerms,
                at: transaction.now)
            guard try transaction.insert(reservation, node: node.current, isBlock: true) else {
                throw Problem(.operationConflict)
            }
            // The very first callers of a bucket have no row to lock: one of them is the first, and the others come again.
            guard try transaction.hold(amount, in: charge.bucket, limit: charge.limit) else {
                try transaction.delete(reservation)
                return EscrowSupply(outcomes: fits.map { _ in .waits })
            }
            block = EscrowSupply.Opened(id: id, units: amount, spent: promised)
        } else if amount > 0 {
            guard let used = try transaction.use(amount, of: charge.bucket, limit: charge.limit) else {
                return EscrowSupply(outcomes: fits.map { _ in .waits })
            }
            try transaction.insertUsage(charge.bucket, operation: "escrow:\(id)", amount: amount)
            try usage.noticeThresholds(of: charge.bucket, at: used, in: transaction)
        }
        let isElsewhere = try fits.contains(false) && transaction.hasBlocks(in: charge.bucket, beside: id)
        if isElsewhere { try transaction.recallBlocks(of: charge.bucket) }
        return EscrowSupply(
            outcomes: zip(round.charges, fits).map { charge, fits in
                fits ? .granted : isElsewhere ? .waits : .refused(charge.refusal(level))
            },
            block: block
        )
    }

    /// Commits blocks with what was spent of them.
    func settle(_ closed: [EscrowPool.Closed], in transaction: Transaction) throws {
        for block in closed {
            if block.spent > 0 {
                try commit(block.id, units: block.spent, in: transaction)
            } else {
                try release(block.id, in: transaction)
            }
        }
    }

    /// Writes down what was spent of the blocks of this node and gives the rest back.
    package func closeBlocks() async throws(Problem) { try await escrow.close(self) }

    /// One look at the blocks of this node, and a sign of life where it is time for one.
    func lookAfterBlocks(_ pulse: inout EscrowHeartbeat, logger: Logger) async throws(Problem) {
        try await escrow.tend(self)
        guard pulse.isDue(inUse: escrow.isInUse, at: .now) else { return }
        if try await !beat(), let name = node.current?.name {
            let own = "\(name)#\(runtime.id(of: Node.self))"
            logger.error(
                "Another process serves under the same name; NODE_NAME has to differ.",
                metadata: ["name": "\(name)", "from now on": "\(own)"])
            try await begin(as: own)
        }
        // What a node held that died, others wait for.
        try await recover()
    }

    /// Looks after the blocks of this node and says that it is alive, for as long as the process serves.
    package func keeper(logger: Logger) -> some Service { EscrowRefresher(entitlements: self, logger: logger) }
}

/// When a node says that it is alive. Others ask for it to share what is left among the living, and only those that draw from blocks share: a node
/// that has none says it so rarely that its row is just not forgotten, and writes nothing else.
struct EscrowHeartbeat {
    static let busy: Duration = .seconds(5)
    static let idle: Duration = .hours(1)
    private var beatenAt: ContinuousClock.Instant
    private var wasInUse = false

    /// - Parameter start: when its life was written down.
    init(startingAt start: ContinuousClock.Instant) { beatenAt = start }

    /// Also at once when it has begun to draw from blocks.
    mutating func isDue(inUse: Bool, at now: ContinuousClock.Instant) -> Bool {
        let begins = inUse && !wasInUse
        wasInUse = inUse
        guard begins || now - beatenAt > (inUse ? Self.busy : Self.idle) else { return false }
        beatenAt = now
        return true
    }
}

private struct EscrowRefresher: Service {
    let entitlements: EntitlementsModule
    let logger: Logger

    private static let look: Duration = .milliseconds(100)

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var pulse = EscrowHeartbeat(startingAt: .now)
            while !Task.isCancelled {
                do {
                    try await entitlements.lookAfterBlocks(&pulse, logger: logger)
                } catch {
                    logger.warning(
                        "Blocks of units could not be looked after; trying again.", metadata: ["cause": "\(error)"])
                }
                try? await Task.sleep(for: Self.look)
            }
        }
        do { try await entitlements.closeBlocks() } catch {
            logger.warning(
                "Blocks of units could not be given back; they count as used.", metadata: ["cause": "\(error)"])
        }
    }
}

extension Transaction {
    /// Whether somebody may have units of a bucket left to give back.
    fileprivate func hasBlocks(in bucket: Bucket, beside own: ID<Reservation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS held FROM reservations
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
                AND state = 'held' AND is_block = 1 AND id <> \(own)
            LIMIT 1
            """
        ) != nil
    }

    fileprivate func recallBlocks(of bucket: Bucket) throws {
        try execute(
            """
            UPDATE buckets SET recalled_at = \(now)
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter) AND period_start = \(bucket.periodStart)
            """
        )
    }

    /// The blocks of a node that others wait for.
    func recalledBlocks(of node: Node) throws -> [ID<Reservation>] {
        try all(
            """
            SELECT reservations.id FROM reservations JOIN buckets ON buckets.organisation_id = reservations.organisation_id
                AND buckets.meter = reservations.meter AND buckets.period_start = reservations.period_start
            WHERE reservations.state = 'held' AND reservations.life = 'process' AND reservations.is_block = 1 AND reservations.node = \(node.name)
                AND reservations.epoch = \(node.epoch) AND buckets.recalled_at >= reservations.created_at
            """
        ) { try $0["id"] }
    }
}
