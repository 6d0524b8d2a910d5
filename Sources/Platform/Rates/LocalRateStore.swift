import Foundation
import Synchronization

/// The rates of one process, in tables of a fixed size.
///
/// A table is divided into sets of eight slots. The hash of a key, seeded anew in every process, selects its set. A
/// slot whose arrival times are all past holds no state and is reused for another key. **A slot that holds state is
/// never evicted**: a flood of new keys resets no key. Where all eight slots of a set are in use, further keys of the
/// set share a ninth slot: together they get the units of one key until a slot is free. The key that gets the free slot
/// starts with the state of the shared one. The table therefore neither grows nor drops state; a flood makes the rates
/// stricter for new keys of a full set, for as long as it lasts. Each limit has a table of its own, so that a flood of
/// unauthenticated requests does not reach the tables of authenticated ones.
///
/// Each shard of a table has a lock that is held for some tens of nanoseconds. An atomic number per key would do for a
/// single rate; several rates that are taken together would need a rollback, which refuses other requests meanwhile.
package final class LocalRateStore: RateStore {
    private let tables = Mutex<[String: RateTable]>([:])
    private let capacity: Int
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - capacity: keys of one limit that have a slot of their own at once; 48 bytes each.
    ///   - clock: monotonic microseconds.
    package init(capacity: Int = 65_536, clock: @escaping @Sendable () -> Int64 = LocalRateStore.uptime) {
        self.capacity = capacity
        self.clock = clock
    }

    package func take(_ cost: Int64, from key: RateKey, under rates: Rates) -> RateDecision {
        table(of: key.limit).take(cost, from: key.subject, under: rates, at: clock())
    }

    package func peek(_ cost: Int64, from key: RateKey, under rates: Rates) -> RateDecision {
        table(of: key.limit).peek(cost, from: key.subject, under: rates, at: clock())
    }

    /// - Returns: nil where the key has no state.
    func arrivalTimes(of key: RateKey) -> ArrivalTimes? { table(of: key.limit).arrivalTimes(of: key.subject) }

    /// Raises the state of a key to what another store has decided, by this store's clock. Without effect where the key
    /// has no slot and none is free.
    func raise(_ key: RateKey, to arrivalTimes: ArrivalTimes) {
        table(of: key.limit).raise(key.subject, to: arrivalTimes, at: clock())
    }

    /// The table of one limit, for callers that use it often. Limits are few: their names come from the program or the
    /// catalogue.
    package func table(of limit: String) -> RateTable {
        tables.withLock { tables in
            if let table = tables[limit] { return table }
            let table = RateTable(capacity: capacity)
            tables[limit] = table
            return table
        }
    }

    /// Microseconds since the start of the machine. This clock cannot be set.
    @Sendable package static func uptime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

/// The state of one limit: see ``LocalRateStore``.
package final class RateTable: Sendable {
    static let slotsPerSet = 8
    private static let shardCount = 64
    private let shards: [Shard]

    /// - Parameter capacity: rounded up to a power of two, at least 512.
    package init(capacity: Int) {
        let sets = max(1, capacity / (Self.slotsPerSet * Self.shardCount))
        var rounded = 1
        while rounded < sets { rounded *= 2 }
        let setCount = rounded
        shards = (0..<Self.shardCount).map { _ in Shard(sets: setCount) }
    }

    /// - Parameters:
    ///   - cost: units, at least 1.
    ///   - now: microseconds of a monotonic clock.
    package func take(_ cost: Int64, from subject: some Hashable, under rates: Rates, at now: Int64) -> RateDecision {
        precondition(cost > 0, "the cost is at least 1")
        let (shard, hash) = shard(of: subject)
        return shard.take(cost, from: hash, under: rates, at: now)
    }

    /// As ``take(_:from:under:at:)`` without taking units.
    func peek(_ cost: Int64, from subject: some Hashable, under rates: Rates, at now: Int64) -> RateDecision {
        let (shard, hash) = shard(of: subject)
        return shard.peek(cost, from: hash, under: rates, at: now)
    }

    func arrivalTimes(of subject: some Hashable) -> ArrivalTimes? {
        let (shard, hash) = shard(of: subject)
        return shard.arrivalTimes(of: hash)
    }

    func raise(_ subject: some Hashable, to arrivalTimes: ArrivalTimes, at now: Int64) {
        let (shard, hash) = shard(of: subject)
        shard.raise(hash, to: arrivalTimes, at: now)
    }

    private func shard(of subject: some Hashable) -> (Shard, hash: UInt64) {
        let hash = UInt64(truncatingIfNeeded: subject.hashValue)
        return (shards[Int(truncatingIfNeeded: hash) & (Self.shardCount - 1)], hash)
    }

    private final class Shard: Sendable {
        private struct Slots {
            /// 0 for a slot that was never used. The ninth slot of each set is the shared one.
            var tags: [UInt64] = []
            var arrivalTimes: [ArrivalTimes] = []

            /// Allocates the slots at the first use: a limit that no request has reached takes no memory.
            mutating func allocate(sets: Int) {
                guard tags.isEmpty else { return }
                let count = sets * (RateTable.slotsPerSet + 1)
                tags = Array(repeating: 0, count: count)
                arrivalTimes = Array(repeating: ArrivalTimes(repeating: 0), count: count)
            }
        }

        private let setMask: Int
        private let content = Mutex(Slots())

        init(sets: Int) { setMask = sets - 1 }

        func take(_ cost: Int64, from hash: UInt64, under rates: Rates, at now: Int64) -> RateDecision {
            let (tag, first) = set(of: hash)
            return content.withLock { content in
                content.allocate(sets: setMask + 1)
                let slot = Self.slot(of: tag, from: first, at: now, in: &content)
                guard let advanced = GCRA.advanced(content.arrivalTimes[slot], by: cost, at: now, under: rates) else {
                    return RateDecision(
                        isAllowed: false, arrivalTimes: content.arrivalTimes[slot], now: now, cost: cost)
                }
                content.arrivalTimes[slot] = advanced
                return RateDecision(isAllowed: true, arrivalTimes: advanced, now: now, cost: cost)
            }
        }

        /// A key without a slot is decided by the shared state; no slot is assigned to it.
        func peek(_ cost: Int64, from hash: UInt64, under rates: Rates, at now: Int64) -> RateDecision {
            let (tag, first) = set(of: hash)
            return content.withLock { content in
                content.allocate(sets: setMask + 1)
                let shared = first + RateTable.slotsPerSet
                let slot = (first..<shared).first { content.tags[$0] == tag } ?? shared
                let isAllowed = GCRA.advanced(content.arrivalTimes[slot], by: cost, at: now, under: rates) != nil
                return RateDecision(
                    isAllowed: isAllowed, arrivalTimes: content.arrivalTimes[slot], now: now, cost: cost)
            }
        }

        func arrivalTimes(of hash: UInt64) -> ArrivalTimes? {
            let (tag, first) = set(of: hash)
            return content.withLock { content in
                content.tags.isEmpty
                    ? nil
                    : (first..<first + RateTable.slotsPerSet).first { content.tags[$0] == tag }.map {
                        content.arrivalTimes[$0]
                    }
            }
        }

        func raise(_ hash: UInt64, to arrivalTimes: ArrivalTimes, at now: Int64) {
            let (tag, first) = set(of: hash)
            content.withLock { content in
                content.allocate(sets: setMask + 1)
                let slot = Self.slot(of: tag, from: first, at: now, in: &content)
                // The shared slot decides for other keys too.
                guard slot != first + RateTable.slotsPerSet else { return }
                content.arrivalTimes[slot] = pointwiseMax(content.arrivalTimes[slot], arrivalTimes)
            }
        }

        /// The tag of a key, and the first slot of its set.
        @inline(__always)
        private func set(of hash: UInt64) -> (tag: UInt64, first: Int) {
            (hash == 0 ? 1 : hash, (Int(truncatingIfNeeded: hash >> 6) & setMask) * (RateTable.slotsPerSet + 1))
        }

        @inline(__always)
        private static func slot(of tag: UInt64, from first: Int, at now: Int64, in content: inout Slots) -> Int {
            let shared = first + RateTable.slotsPerSet
            for slot in first..<shared where content.tags[slot] == tag { return slot }
            for slot in first..<shared where content.tags[slot] == 0 || content.arrivalTimes[slot].max() <= now {
                content.tags[slot] = tag
                // All units of the shared slot may have been taken by this key.
                content.arrivalTimes[slot] = content.arrivalTimes[shared]
                return slot
            }
            return shared
        }
    }
}
