package import Modules
import Synchronization

/// Answers of the database that the gate asks for with every call, remembered for half a second: what changes elsewhere is known here
/// well within the second that a revocation may take. Bounded, in shards so that threads rarely wait for one another.
///
/// Each shard has two generations; when the young one is full it becomes the old one, so that the oldest answers go first.
package final class BriefMemory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let readAt: Instant
        let lasts: Bool
    }

    private struct Generations: Sendable {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
    }

    private final class Shard: Sendable {
        let generations = Mutex(Generations())
    }

    private let shards = (0..<16).map { _ in Shard() }
    private let lifetime: Duration
    private let capacity: Int

    /// - Parameter capacity: how many answers a shard's young generation takes.
    package init(lifetime: Duration = .milliseconds(500), capacity: Int = 1_024) {
        self.lifetime = lifetime
        self.capacity = capacity
    }

    package func value(for key: Key, at now: Instant) -> Value? {
        shard(of: key).generations.withLock { generations in
            guard let entry = generations.young[key] ?? generations.old[key] else { return nil }
            // A clock that was set back must not make an answer live on.
            return entry.lasts || (now >= entry.readAt && now - entry.readAt < lifetime) ? entry.value : nil
        }
    }

    /// - Parameters:
    ///   - now: when the question was put, not when its answer came.
    ///   - lasts: whether the answer can never change.
    package func remember(_ value: Value, for key: Key, at now: Instant, lasts: Bool = false) {
        shard(of: key).generations.withLock { generations in
            generations.young[key] = Entry(value: value, readAt: now, lasts: lasts)
            guard generations.young.count >= capacity else { return }
            generations.old = generations.young
            generations.young = [:]
        }
    }

    /// Forgets everything: after a change made here, which then holds here at once.
    func forgetAll() {
        for shard in shards { shard.generations.withLock { $0 = Generations() } }
    }

    private func shard(of key: Key) -> Shard { shards[key.hashValue & 15] }
}
