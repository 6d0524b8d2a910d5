package import Modules
import Synchronization

/// A bounded cache of values that the gate reads with every request, valid for half a second by default, so that a
/// change by another node is visible well within the second that a revocation may take.
///
/// **Refresh.** After four fifths of the lifetime one caller gets nil and reads anew, while the others still get the
/// cached value: an expired value is not read by all of its callers at once.
///
/// **Eviction.** Each of 16 shards has two generations. When the young one is full it becomes the old one, so that the
/// oldest entries are evicted first; an entry without expiry that is used moves back to the young one.
package final class TTLCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// A class, so that large values are not copied with the entry.
    private final class Entry: Sendable {
        let value: Value
        let readAt: Instant
        let lasts: Bool
        /// A caller got nil in order to read the value anew.
        let isRefreshing: Bool

        init(value: Value, readAt: Instant, lasts: Bool, isRefreshing: Bool = false) {
            (self.value, self.readAt, self.lasts, self.isRefreshing) = (value, readAt, lasts, isRefreshing)
        }
    }

    private struct Generations: Sendable {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]

        mutating func insert(_ entry: Entry, for key: Key, capacity: Int) {
            young[key] = entry
            guard young.count >= capacity else { return }
            (old, young) = (young, [:])
        }
    }

    private final class Shard: Sendable {
        let generations = Mutex(Generations())
    }

    private let shards = (0..<16).map { _ in Shard() }
    private let lifetime: Duration
    private let capacity: Int
    private let refreshesEarly: Bool

    /// - Parameters:
    ///   - capacity: how many entries a shard's young generation holds.
    ///   - refreshesEarly: false for what is to be done at most once in a lifetime.
    package init(lifetime: Duration = .milliseconds(500), capacity: Int = 1_024, refreshesEarly: Bool = true) {
        self.lifetime = lifetime
        self.capacity = capacity
        self.refreshesEarly = refreshesEarly
    }

    /// - Returns: nil where the caller has to read the value and to ``set(_:for:at:lasts:)`` it.
    package func value(for key: Key, at now: Instant) -> Value? {
        shard(of: key).generations.withLock { generations in
            guard let entry = generations.young[key] ?? generations.old[key] else { return nil }
            if entry.lasts {
                if generations.young[key] == nil { generations.insert(entry, for: key, capacity: capacity) }
                return entry.value
            }
            let age = now - entry.readAt
            // A negative age means a clock that was set back; such an entry must expire.
            guard .zero <= age, age < lifetime else { return nil }
            guard refreshesEarly, !entry.isRefreshing, age >= lifetime * 4 / 5 else { return entry.value }
            generations.insert(
                Entry(value: entry.value, readAt: entry.readAt, lasts: false, isRefreshing: true), for: key,
                capacity: capacity)
            return nil
        }
    }

    /// - Parameters:
    ///   - now: when the read began, not when it ended.
    ///   - lasts: whether the value does not expire.
    package func set(_ value: Value, for key: Key, at now: Instant, lasts: Bool = false) {
        shard(of: key).generations.withLock { generations in
            generations.insert(Entry(value: value, readAt: now, lasts: lasts), for: key, capacity: capacity)
        }
    }

    /// Deletes one entry, after a change that this node made.
    package func invalidate(_ key: Key) {
        shard(of: key).generations.withLock { generations in
            generations.young[key] = nil
            generations.old[key] = nil
        }
    }

    /// Deletes every entry, after a change that this node made.
    package func invalidateAll() {
        for shard in shards { shard.generations.withLock { $0 = Generations() } }
    }

    private func shard(of key: Key) -> Shard { shards[key.hashValue & 15] }
}
