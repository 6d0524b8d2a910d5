import Modules
import Synchronization

/// Blocks of units that this process holds durably and spends in memory, so that a call costs no write.
///
/// A block is an ordinary reservation that dies with its process. It lives some seconds: it is committed with what was spent of it, and the
/// next one opened when the next caller comes. Its size shrinks with the room that is left, so that other nodes find some too; the last units
/// are spent one by one. Whoever finds none while others hold blocks recalls those: the bucket's row says so, their owners look at it ten
/// times a second and give back what they have not spent. A caller is refused only when all of it is really used.
final class Escrow: Sendable {
    static let blockMax: Int64 = 1_024
    /// A node that is killed leaves its blocks behind until its next life, or until this has passed.
    static let lease: Duration = .seconds(15)
    /// How long a block is spent from, by this machine's own clock: well within its lease, whatever the two clocks think of a second.
    static let usableFor: Duration = .seconds(8)
    /// What is spent is written down after this at the latest.
    static let flushAfter: Duration = .seconds(1)
    /// A block that nobody takes from goes back after this.
    static let idleAfter: Duration = .seconds(4)
    /// After a recall nodes take what they need at once and no more.
    static let calm: Duration = .seconds(10)
    /// How long a caller waits for blocks that were recalled: longer than the lease of a node that died with one.
    static let patience: Duration = .seconds(25)
    static let pause: Duration = .milliseconds(25)
    /// Callers of more buckets than these are served durably.
    static let poolsMax = 10_000

    private let pools = Mutex<[Bucket: EscrowPool]>([:])

    /// Whether this node draws from blocks these days: it has, within the last minute or two.
    var isInUse: Bool { pools.withLock { !$0.isEmpty } }

    /// How large a block may be where so much room is left; 1 is none at all.
    static func blockSize(room: Int64, nodes: Int64) -> Int64 { max(1, min(blockMax, room / (4 * max(1, nodes)))) }

    func draw(_ charge: Charge, for entitlements: EntitlementsModule) async throws(Problem) {
        let pool = pools.withLock { pools -> EscrowPool? in
            if let pool = pools[charge.bucket] { return pool }
            guard pools.count < Self.poolsMax else { return nil }
            let pool = EscrowPool()
            pools[charge.bucket] = pool
            return pool
        }
        guard let pool else {
            let operation = "escrow:\(entitlements.runtime.id(of: Charge.self))"
            try await entitlements.database.write { try entitlements.spend(charge, operation: operation, in: $0) }
            return
        }
        if pool.take(charge.units) { return }
        if let refusal = await pool.wait(charge, for: entitlements) { throw refusal }
    }

    /// Looks after the blocks once: gives back those that were recalled or that nobody needs, writes down what was spent.
    func tend(_ entitlements: EntitlementsModule) async throws(Problem) {
        let all = pools.withLock { $0 }
        let held = all.values.compactMap(\.blockID)
        var recalled: Set<ID<Reservation>> = []
        if !held.isEmpty, let node = entitlements.node.current {
            recalled = Set(try await entitlements.database.read { try $0.recalledBlocks(of: node) })
        }
        for (bucket, pool) in all {
            if pool.isDue || pool.blockID.map(recalled.contains) == true {
                try await pool.settle(for: entitlements)
            } else if pool.isForgotten {
                pools.withLock { $0[bucket] = nil }
            }
        }
    }

    /// Writes down what was spent and gives everything else back. Callers that come later begin anew.
    func close(_ entitlements: EntitlementsModule) async throws(Problem) {
        for pool in pools.withLock({ Array($0.values) }) {
            while true {
                try await pool.settle(for: entitlements)
                guard pool.holdsSome else { break }
                // It is at the database for somebody who waits.
                do { try await Task.sleep(for: Self.pause) } catch { return }
            }
        }
    }
}

/// The block of one bucket, and who waits for the next.
final class EscrowPool: Sendable {
    private struct Waiter {
        let charge: Charge
        let since: ContinuousClock.Instant
        /// Is told a refusal, or nil when its units are taken.
        let answer: CheckedContinuation<Problem?, Never>
    }

    /// A block that is closed, and what was taken from it.
    struct Closed: Sendable {
        let id: ID<Reservation>
        let spent: Int64
    }

    private struct State {
        var block: EscrowBlock?
        /// Closed, and not yet written down.
        var closed: [Closed] = []
        var waiters: [Waiter] = []
        /// Somebody is at the database: one at a time.
        var isBusy = false
        var usedAt = ContinuousClock.now

        mutating func closeBlock() {
            if let block, let spent = block.seal() { closed.append(Closed(id: block.id, spent: spent)) }
            block = nil
        }
    }

    private let state = Mutex(State())

    func take(_ units: Int64) -> Bool { state.withLock { $0.block }?.take(units) ?? false }

    var holdsSome: Bool { state.withLock { $0.block != nil || !$0.closed.isEmpty || $0.isBusy } }

    var blockID: ID<Reservation>? { state.withLock { $0.block?.id } }

    /// Whether there is something to write down or to give back.
    var isDue: Bool {
        state.withLock { state in
            guard let block = state.block else { return !state.closed.isEmpty }
            return block.age > (block.isTouched ? Escrow.flushAfter : Escrow.idleAfter)
        }
    }

    var isForgotten: Bool {
        state.withLock {
            $0.block == nil && $0.closed.isEmpty && !$0.isBusy && ContinuousClock.now - $0.usedAt > .seconds(60)
        }
    }

    /// Waits in the line for the next block.
    /// - Returns: nil when the units are taken.
    func wait(_ charge: Charge, for entitlements: EntitlementsModule) async -> Problem? {
        await withCheckedContinuation { answer in
            let isFirst = state.withLock { state in
                state.waiters.append(Waiter(charge: charge, since: .now, answer: answer))
                state.usedAt = .now
                defer { state.isBusy = true }
                return !state.isBusy
            }
            if isFirst { Task { await serve(for: entitlements) } }
        }
    }

    /// Writes down what was spent and gives back the rest.
    func settle(for entitlements: EntitlementsModule) async throws(Problem) {
        let closed = state.withLock { state -> [Closed]? in
            guard !state.isBusy else { return nil }
            state.closeBlock()
            guard !state.closed.isEmpty else { return nil }
            state.isBusy = true
            return state.closed
        }
        guard let closed else { return }
        do {
            try await entitlements.database.write { try entitlements.settle(closed, in: $0) }
        } catch {
            // It stays closed, and is written down another time.
            finish(settled: 0, for: entitlements)
            throw error
        }
        finish(settled: closed.count, for: entitlements)
    }

    /// Goes on with those who came to wait meanwhile.
    private func finish(settled count: Int, for entitlements: EntitlementsModule) {
        let hasWaiters = state.withLock { state in
            state.closed.removeFirst(count)
            state.isBusy = !state.waiters.isEmpty
            return state.isBusy
        }
        if hasWaiters { Task { await serve(for: entitlements) } }
    }

    /// Serves those who wait until nobody does: from the block as far as it goes, then from the next one.
    private func serve(for entitlements: EntitlementsModule) async {
        while let round = nextRound() {
            let openedAt = ContinuousClock.now
            do {
                let supply = try await entitlements.database.write { try entitlements.supply(round, in: $0) }
                if settle(round, supply, openedAt: openedAt) { try? await Task.sleep(for: Escrow.pause) }
            } catch {
                answer(
                    state.withLock { state in
                        defer { state.waiters.removeFirst(round.charges.count) }
                        return state.waiters.prefix(round.charges.count).map { ($0.answer, Optional(error)) }
                    })
            }
        }
    }

    private func nextRound() -> EscrowRound? {
        var served: [(CheckedContinuation<Problem?, Never>, Problem?)] = []
        let round = state.withLock { state -> EscrowRound? in
            // Somebody may have opened a block between their look and their waiting.
            while let first = state.waiters.first, state.block?.take(first.charge.units) == true {
                served.append((first.answer, nil))
                state.waiters.removeFirst()
            }
            guard !state.waiters.isEmpty else {
                state.isBusy = false
                return nil
            }
            state.closeBlock()
            return EscrowRound(closed: state.closed, charges: state.waiters.map(\.charge))
        }
        answer(served)
        return round
    }

    /// Tells those of a round what became of them.
    /// - Returns: whether some wait for blocks that others hold.
    private func settle(_ round: EscrowRound, _ supply: EscrowSupply, openedAt: ContinuousClock.Instant) -> Bool {
        var answers: [(CheckedContinuation<Problem?, Never>, Problem?)] = []
        let isWaiting = state.withLock { state in
            state.closed.removeFirst(round.closed.count)
            state.block = supply.block.map { EscrowBlock($0.id, units: $0.units, spent: $0.spent, openedAt: openedAt) }
            var left: [Waiter] = []
            for (waiter, outcome) in zip(state.waiters, supply.outcomes) {
                switch outcome {
                case .granted: answers.append((waiter.answer, nil))
                case .refused(let problem): answers.append((waiter.answer, problem))
                case .waits where ContinuousClock.now - waiter.since > Escrow.patience:
                    let detail =
                        "The last units may be in the hands of a part of the service that does not answer. Try again shortly."
                    answers.append((waiter.answer, .overloaded(retryAfter: 5, detail: detail)))
                case .waits: left.append(waiter)
                }
            }
            state.waiters.replaceSubrange(..<supply.outcomes.count, with: left)
            return !left.isEmpty
        }
        answer(answers)
        return isWaiting
    }

    private func answer(_ answers: [(CheckedContinuation<Problem?, Never>, Problem?)]) {
        for (continuation, problem) in answers { continuation.resume(returning: problem) }
    }
}
