import Modules
import Synchronization

/// The escrow block of one bucket on this node, and the queue of requests that wait for the next one.
///
/// At most one database transaction per pool runs at a time (`isBusy`); it serves the whole queue.
final class EscrowPool: Sendable {
    private struct Waiter {
        let charge: Charge
        let since: ContinuousClock.Instant
        /// Resumed with a refusal, or with nil when the units are taken.
        let continuation: CheckedContinuation<Problem?, Never>
    }

    private struct State {
        var block: EscrowBlock?
        /// Closed, and not yet settled in the database.
        var closed: [ClosedBlock] = []
        var waiters: [Waiter] = []
        /// A transaction of this pool is running.
        var isBusy = false
        var usedAt = ContinuousClock.now

        mutating func closeBlock() {
            if let block, let spent = block.seal() { closed.append(ClosedBlock(id: block.id, spent: spent)) }
            block = nil
        }
    }

    private let state = Mutex(State())
    private let allocator: EscrowAllocator

    init(allocator: EscrowAllocator) { self.allocator = allocator }

    func take(_ units: Int64) -> Bool { state.withLock { $0.block }?.take(units) ?? false }

    var hasUnsettledBlocks: Bool { state.withLock { $0.block != nil || !$0.closed.isEmpty || $0.isBusy } }

    var blockID: ID<Reservation>? { state.withLock { $0.block?.id } }

    /// Whether a block is to be settled now: it is closed, was spent from and is older than
    /// ``EscrowService/flushAfter``, or is idle.
    var isDue: Bool {
        state.withLock { state in
            guard let block = state.block else { return !state.closed.isEmpty }
            return block.age > (block.isTouched ? EscrowService.flushAfter : EscrowService.idleAfter)
        }
    }

    /// Whether the pool is empty and was not used for a minute.
    var isIdle: Bool {
        state.withLock {
            $0.block == nil && $0.closed.isEmpty && !$0.isBusy && ContinuousClock.now - $0.usedAt > .seconds(60)
        }
    }

    /// Queues a charge for the next block.
    /// - Returns: the refusal; nil when the units are taken.
    func wait(_ charge: Charge) async -> Problem? {
        await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                state.waiters.append(Waiter(charge: charge, since: .now, continuation: continuation))
                state.usedAt = .now
                defer { state.isBusy = true }
                return !state.isBusy
            }
            if isFirst { Task { await serve() } }
        }
    }

    /// Closes the block and settles what is closed. Does nothing while a transaction of this pool is running.
    func close() async throws(Problem) {
        let closed = state.withLock { state -> [ClosedBlock]? in
            guard !state.isBusy else { return nil }
            state.closeBlock()
            guard !state.closed.isEmpty else { return nil }
            state.isBusy = true
            return state.closed
        }
        guard let closed else { return }
        do {
            try await allocator.settle(closed)
        } catch {
            // The blocks stay closed and are settled by a later call.
            finish(settled: 0)
            throw error
        }
        finish(settled: closed.count)
    }

    /// Removes settled blocks, and serves the requests that were queued meanwhile.
    private func finish(settled count: Int) {
        let hasWaiters = state.withLock { state in
            state.closed.removeFirst(count)
            state.isBusy = !state.waiters.isEmpty
            return state.isBusy
        }
        if hasWaiters { Task { await serve() } }
    }

    /// Serves the queue until it is empty: from the current block while it lasts, then from the next one.
    private func serve() async {
        while let batch = nextBatch() {
            let openedAt = ContinuousClock.now
            do {
                let allocation = try await allocator.allocate(batch)
                if apply(allocation, to: batch, openedAt: openedAt) {
                    try? await Task.sleep(for: EscrowService.retryInterval)
                }
            } catch {
                resume(
                    state.withLock { state in
                        defer { state.waiters.removeFirst(batch.charges.count) }
                        return state.waiters.prefix(batch.charges.count).map { ($0.continuation, Optional(error)) }
                    })
            }
        }
    }

    private func nextBatch() -> EscrowBatch? {
        var served: [(CheckedContinuation<Problem?, Never>, Problem?)] = []
        let batch = state.withLock { state -> EscrowBatch? in
            // A block may have been opened between the failed ``take(_:)`` of a request and its entry into the queue.
            while let first = state.waiters.first, state.block?.take(first.charge.units) == true {
                served.append((first.continuation, nil))
                state.waiters.removeFirst()
            }
            guard !state.waiters.isEmpty else {
                state.isBusy = false
                return nil
            }
            state.closeBlock()
            return EscrowBatch(closed: state.closed, charges: state.waiters.map(\.charge))
        }
        resume(served)
        return batch
    }

    /// Installs the new block and resumes the requests of a batch.
    /// - Returns: whether requests still wait for blocks of other nodes.
    private func apply(_ allocation: EscrowAllocation, to batch: EscrowBatch, openedAt: ContinuousClock.Instant) -> Bool
    {
        var results: [(CheckedContinuation<Problem?, Never>, Problem?)] = []
        let isWaiting = state.withLock { state in
            state.closed.removeFirst(batch.closed.count)
            state.block = allocation.block.map {
                EscrowBlock($0.id, units: $0.units, spent: $0.spent, openedAt: openedAt)
            }
            var left: [Waiter] = []
            for (waiter, outcome) in zip(state.waiters, allocation.outcomes) {
                switch outcome {
                case .granted: results.append((waiter.continuation, nil))
                case .refused(let problem): results.append((waiter.continuation, problem))
                case .waiting where ContinuousClock.now - waiter.since > EscrowService.waitMax:
                    let detail =
                        "The last units may be reserved by a node that does not respond. "
                        + "Try again shortly."
                    results.append((waiter.continuation, .overloaded(retryAfter: 5, detail: detail)))
                case .waiting: left.append(waiter)
                }
            }
            state.waiters.replaceSubrange(..<allocation.outcomes.count, with: left)
            return !left.isEmpty
        }
        resume(results)
        return isWaiting
    }

    private func resume(_ results: [(CheckedContinuation<Problem?, Never>, Problem?)]) {
        for (continuation, problem) in results { continuation.resume(returning: problem) }
    }
}
