package import Modules
package import ServiceLifecycle
import Synchronization

/// Spends units from blocks that this node has reserved durably, so that most requests need no write.
///
/// A block is a reservation whose lifetime is that of the process. It is open for some seconds, then committed with
/// what was spent of it; the next request opens the next one. Its size shrinks with the remaining units, so that every
/// node gets a share; the last units are spent one by one. A node that finds no units left while other nodes hold
/// blocks recalls those: it marks the bucket's row, the owners read the mark ten times a second and settle their
/// blocks. A request is refused only when all units are used.
package final class EscrowService: Sendable {
    /// Units.
    static let blockMax: Int64 = 1_024
    /// The blocks of a node that is killed stay reserved until its next start, or until this has passed.
    static let lease: Duration = .seconds(15)
    /// How long a block is spent from, by this machine's monotonic clock: well within the lease, whatever the drift of
    /// the database's clock.
    static let usableFor: Duration = .seconds(8)
    /// A block that was spent from is settled after this at the latest.
    static let flushAfter: Duration = .seconds(1)
    /// A block that was not spent from is released after this.
    static let idleAfter: Duration = .seconds(4)
    /// For this long after a recall, nodes open no blocks and spend only what their requests need.
    static let recallPause: Duration = .seconds(10)
    /// How long a request waits for recalled blocks: longer than the lease of a node that was killed.
    static let waitMax: Duration = .seconds(25)
    static let retryInterval: Duration = .milliseconds(25)
    /// Requests of further buckets are served durably.
    static let poolsMax = 10_000

    private let database: any Database
    private let queue: QuotaQueue
    private let allocator: EscrowAllocator
    private let nodes: NodeRegistry
    private let recovery: ReservationRecovery
    private let runtime: Runtime
    private let pools = Mutex<[Bucket: EscrowPool]>([:])

    init(
        database: any Database, queue: QuotaQueue, quotas: QuotaService, alerts: UsageAlertService,
        nodes: NodeRegistry, levels: LevelCache, recovery: ReservationRecovery, runtime: Runtime
    ) {
        self.database = database
        self.queue = queue
        allocator = EscrowAllocator(
            database: database, quotas: quotas, alerts: alerts, nodes: nodes, levels: levels, runtime: runtime)
        self.nodes = nodes
        self.recovery = recovery
        self.runtime = runtime
    }

    // MARK: Spending

    /// Uses the units of a charge in the mode that its route declares: from a block, or in a transaction of its own.
    /// - Parameter operation: the unique key of this work in the mode `durable`: a repeat is not charged. Units of a
    ///   block have no keys.
    /// - Throws: `quota-exceeded`; `overloaded` where units may be reserved by a node that does not respond.
    package func draw(_ charge: Charge, operation: String) async throws(Problem) {
        guard charge.mode == .escrow, nodes.current != nil else { return try await spend(charge, operation: operation) }
        guard let pool = pool(of: charge.bucket) else {
            return try await spend(charge, operation: "escrow:\(runtime.id(of: Charge.self))")
        }
        if pool.take(charge.units) { return }
        if let refusal = await pool.wait(charge) { throw refusal }
    }

    private func spend(_ charge: Charge, operation: String) async throws(Problem) {
        _ = try await queue.perform(.spend(charge, operation: operation))
    }

    private func pool(of bucket: Bucket) -> EscrowPool? {
        pools.withLock { pools -> EscrowPool? in
            if let pool = pools[bucket] { return pool }
            guard pools.count < Self.poolsMax else { return nil }
            let pool = EscrowPool(allocator: allocator)
            pools[bucket] = pool
            return pool
        }
    }

    // MARK: Maintenance

    /// The background service of a process that serves; it must run for as long as units are drawn.
    package func refresher(logger: Logger) -> some Service { EscrowRefresher(escrow: self, logger: logger) }

    /// Settles blocks, and writes a heartbeat where one is due. A node whose name another process has taken starts
    /// under a name of its own.
    func maintain(_ heartbeat: inout EscrowHeartbeat, logger: Logger) async throws(Problem) {
        try await settleDueBlocks()
        guard heartbeat.isDue(inUse: isInUse, at: .now) else { return }
        if try await !nodes.heartbeat(), let name = nodes.current?.name {
            let own = "\(name)#\(runtime.id(of: Node.self))"
            logger.error(
                "Another process runs under the same node name; NODE_NAME must be unique.",
                metadata: ["name": "\(name)", "new name": "\(own)"])
            try await recovery.startNode(as: own)
        }
        // Requests may wait for the blocks of a node that was killed.
        try await recovery.recover()
    }

    /// Whether this node has used blocks within the last minute or two.
    private var isInUse: Bool { pools.withLock { !$0.isEmpty } }

    /// Settles blocks that were recalled or are due, and removes idle pools.
    func settleDueBlocks() async throws(Problem) {
        let all = pools.withLock { $0 }
        let hasBlocks = all.values.contains { $0.blockID != nil }
        var recalled: Set<ID<Reservation>> = []
        if hasBlocks, let node = nodes.current {
            recalled = Set(try await database.read { try $0.recalledBlocks(of: node) })
        }
        for (bucket, pool) in all {
            if pool.isDue || pool.blockID.map(recalled.contains) == true {
                try await pool.close()
            } else if pool.isIdle {
                pools.withLock { $0[bucket] = nil }
            }
        }
    }

    /// Settles all blocks of this node. Later requests open new ones.
    package func close() async throws(Problem) {
        for pool in pools.withLock({ Array($0.values) }) {
            while true {
                try await pool.close()
                guard pool.hasUnsettledBlocks else { break }
                // A transaction of the pool is still running.
                do { try await Task.sleep(for: Self.retryInterval) } catch { return }
            }
        }
    }
}
