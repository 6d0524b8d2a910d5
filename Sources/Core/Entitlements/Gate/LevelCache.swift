import Identity
import Modules

/// Levels of buckets in memory, for a gate that refuses early: the statement that takes units decides. Transactions of
/// this node set them; what other nodes take is seen a second later.
final class LevelCache: Sendable {
    private let runtime: Runtime
    private let levels = TTLCache<Bucket, Level>(lifetime: .seconds(1))

    init(runtime: Runtime) { self.runtime = runtime }

    /// Whether at least half of a charge's limit is left after it. Closer to the limit the level is read.
    func hasRoom(for charge: Charge) -> Bool {
        guard case .upTo(let limit) = charge.limit else { return true }
        guard let level = levels.value(for: charge.bucket, at: runtime.now()) else { return false }
        return (level.used + level.held + charge.units) <= limit / 2
    }

    /// - Parameter now: when the read began.
    func set(_ level: Level, of bucket: Bucket, at now: Instant) { levels.set(level, for: bucket, at: now) }

    /// Sets the levels that a transaction leaves.
    func set(_ changed: [Bucket: Level], after transaction: Transaction) {
        guard !changed.isEmpty else { return }
        transaction.afterCommit { [levels, runtime] in
            let now = runtime.now()
            for (bucket, level) in changed { levels.set(level, for: bucket, at: now) }
        }
    }

    /// Sets the level that a transaction leaves.
    func set(_ level: Level, of bucket: Bucket, after transaction: Transaction) {
        transaction.afterCommit { [levels, runtime] in levels.set(level, for: bucket, at: runtime.now()) }
    }
}
