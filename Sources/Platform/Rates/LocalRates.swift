import Foundation
import Synchronization

/// The rates of one process, in tables of a fixed size.
///
/// A table is divided into sets of eight places; a key's hash, seeded anew in every process, says which set is its own. A place whose arrival
/// times are all past says nothing and is given to whoever comes next, without loss. **A place that still says something is never given
/// away**: filling a table with strange keys resets nobody. Where all eight are taken, newcomers of that set share a ninth place: together
/// they get what one of them would, until a place is free, and then take what they shared with them. So a table neither grows nor forgets, and
/// whoever floods it makes things narrower for newcomers of a set that is full, for as long as the flood lasts. Each limit has a table of its own,
/// so that strangers who flood theirs leave the tables of customers alone.
///
/// Each part of a table has a lock that is held for some tens of nanoseconds. An atomic number for each key would do for a single rate; with
/// several that have to be taken together it would have to give back what it took, and refuse others meanwhile.
package final class LocalRates: RateStore {
    private let tables = Mutex<[String: RateTable]>([:])
    private let capacity: Int
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - capacity: keys of one limit that are told apart at once; 48 bytes each.
    ///   - clock: microseconds that never go back.
    package init(capacity: Int = 65_536, clock: @escaping @Sendable () -> Int64 = LocalRates.uptime) {
        self.capacity = capacity
        self.clock = clock
    }

    package func take(_ cost: Int64, from key: RateKey, under rates: Rates) -> RateVerdict {
        table(of: key.limit).take(cost, from: key.subject, under: rates, at: clock())
    }

    package func look(_ cost: Int64, at key: RateKey, under rates: Rates) -> RateVerdict {
        table(of: key.limit).look(cost, at: key.subject, under: rates, now: clock())
    }

    /// The table of one limit, for those who ask it often. Limits are few and their names are written in the program or the catalogue.
    package func table(of limit: String) -> RateTable {
        tables.withLock { tables in
            if let table = tables[limit] { return table }
            let table = RateTable(capacity: capacity)
            tables[limit] = table
            return table
        }
    }

    /// Microseconds since the machine started. Nobody sets this clock.
    @Sendable package static func uptime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

/// The state of one limit: see ``LocalRates``.
package final class RateTable: Sendable {
    static let places = 8
    private static let shardCount = 64
    private let shards: [Shard]

    /// - Parameter capacity: rounded up to a power of two, at least 512.
    package init(capacity: Int) {
        let sets = max(1, capacity / (Self.places * Self.shardCount))
        var rounded = 1
        while rounded < sets { rounded *= 2 }
        let setCount = rounded
        shards = (0..<Self.shardCount).map { _ in Shard(sets: setCount) }
    }

    /// - Parameter now: microseconds of a clock that never goes back.
    package func take(_ cost: Int64, from subject: some Hashable, under rates: Rates, at now: Int64) -> RateVerdict {
        precondition(cost > 0, "whoever takes nothing need not ask")
        let (shard, hash) = shard(of: subject)
        return shard.take(cost, from: hash, under: rates, at: now)
    }

    /// As ``take(_:from:under:at:)``, and takes nothing.
    func look(_ cost: Int64, at subject: some Hashable, under rates: Rates, now: Int64) -> RateVerdict {
        let (shard, hash) = shard(of: subject)
        return shard.look(cost, at: hash, under: rates, now: now)
    }

    private func shard(of subject: some Hashable) -> (Shard, hash: UInt64) {
        let hash = UInt64(truncatingIfNeeded: subject.hashValue)
        return (shards[Int(truncatingIfNeeded: hash) & (Self.shardCount - 1)], hash)
    }

    private final class Shard: Sendable {
        private struct Places {
            /// 0 where nobody is; of each set the ninth is shared by those who found no place.
            var names: [UInt64]
            var arrivals: [Arrivals]
        }

        private let setMask: Int
        private let content: Mutex<Places>

        init(sets: Int) {
            setMask = sets - 1
            let count = sets * (RateTable.places + 1)
            content = Mutex(
                Places(
                    names: Array(repeating: 0, count: count),
                    arrivals: Array(repeating: Arrivals(repeating: 0), count: count)))
        }

        func take(_ cost: Int64, from hash: UInt64, under rates: Rates, at now: Int64) -> RateVerdict {
            let (name, first) = set(of: hash)
            return content.withLock { content in
                let place = Self.place(of: name, from: first, at: now, in: &content)
                guard let moved = GCRA.moved(content.arrivals[place], by: cost, at: now, under: rates) else {
                    return RateVerdict(isAdmitted: false, arrivals: content.arrivals[place], now: now, cost: cost)
                }
                content.arrivals[place] = moved
                return RateVerdict(isAdmitted: true, arrivals: moved, now: now, cost: cost)
            }
        }

        /// Who has no place would be given the shared state, and takes none for having looked.
        func look(_ cost: Int64, at hash: UInt64, under rates: Rates, now: Int64) -> RateVerdict {
            let (name, first) = set(of: hash)
            return content.withLock { content in
                let shared = first + RateTable.places
                let place = (first..<shared).first { content.names[$0] == name } ?? shared
                let isAdmitted = GCRA.moved(content.arrivals[place], by: cost, at: now, under: rates) != nil
                return RateVerdict(isAdmitted: isAdmitted, arrivals: content.arrivals[place], now: now, cost: cost)
            }
        }

        /// What a key is called here, and the first place of its set.
        @inline(__always)
        private func set(of hash: UInt64) -> (name: UInt64, first: Int) {
            (hash == 0 ? 1 : hash, (Int(truncatingIfNeeded: hash >> 6) & setMask) * (RateTable.places + 1))
        }

        @inline(__always)
        private static func place(of name: UInt64, from first: Int, at now: Int64, in content: inout Places) -> Int {
            let shared = first + RateTable.places
            for place in first..<shared where content.names[place] == name { return place }
            for place in first..<shared where content.names[place] == 0 || content.arrivals[place].max() <= now {
                content.names[place] = name
                // What was taken in common may all have been taken by this one.
                content.arrivals[place] = content.arrivals[shared]
                return place
            }
            return shared
        }
    }
}
