package import Modules
import Synchronization

/// Answers of the database that the gate asks for with every call, remembered for half a second: what changes elsewhere is known here
/// well within the second that a revocation may take. Bounded, in shards so that threads rarely wait for one another.
///
/// Once four fifths of that time are over, the next caller is sent to ask anew while the others go on with what is known: an answer that many wait for is
/// asked for once, and not by all of them in the moment in which it ends.
///
/// Each shard has two generations; when the young one is full it becomes the old one, so that the oldest answers go first.
package final class TTLCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// A class: a value is handed from place to place, and some are large.
    private final class Entry: Sendable {
        let value: Value
        let readAt: Instant
        let lasts: Bool
        /// Somebody was sent to ask anew.
        let isAskedFor: Bool

        init(value: Value, readAt: Instant, lasts: Bool, isAskedFor: Bool = false) {
            (self.value, self.readAt, self.lasts, self.isAskedFor) = (value, readAt, lasts, isAskedFor)
        }
    }

    private struct Generations: Sendable {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]

        mutating func keep(_ entry: Entry, for key: Key, capacity: Int) {
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
    private let asksEarly: Bool

    /// - Parameters:
    ///   - capacity: how many answers a shard's young generation takes.
    ///   - asksEarly: false for what is to be done once in a lifetime, and no sooner.
    package init(lifetime: Duration = .milliseconds(500), capacity: Int = 1_024, asksEarly: Bool = true) {
        self.lifetime = lifetime
        self.capacity = capacity
        self.asksEarly = asksEarly
    }

    /// - Returns: nil for whoever shall ask, and ``remember(_:for:at:lasts:)`` the answer.
    package func value(for key: Key, at now: Instant) -> Value? {
        shard(of: key).generations.withLock { generations in
            guard let entry = generations.young[key] ?? generations.old[key] else { return nil }
            if entry.lasts { return entry.value }
            let age = now - entry.readAt
            // A clock that was set back must not make an answer live on.
            guard .zero <= age, age < lifetime else { return nil }
            guard asksEarly, !entry.isAskedFor, age >= lifetime * 4 / 5 else { return entry.value }
            generations.keep(
                Entry(value: entry.value, readAt: entry.readAt, lasts: false, isAskedFor: true), for: key,
                capacity: capacity)
            return nil
        }
    }

    /// - Parameters:
    ///   - now: when the question was put, not when its answer came.
    ///   - lasts: whether the answer can never change.
    package func remember(_ value: Value, for key: Key, at now: Instant, lasts: Bool = false) {
        shard(of: key).generations.withLock { generations in
            generations.keep(Entry(value: value, readAt: now, lasts: lasts), for: key, capacity: capacity)
        }
    }

    /// Forgets everything: after a change made here, which then holds here at once.
    func forgetAll() {
        for shard in shards { shard.generations.withLock { $0 = Generations() } }
    }

    private func shard(of key: Key) -> Shard { shards[key.hashValue & 15] }
}
