import Identity
import Modules

/// Levels of buckets in memory, for a gate that refuses early: the statement that takes units decides. Transactions of
/// this node set them, which drops the organisation's snapshot; what other nodes take is seen a second later.
final class LevelCache: Sendable {
    private let runtime: Runtime
    private let snapshots: SnapshotCache
    private let levels = TTLCache<Bucket, Level>(lifetime: .seconds(1))

    init(snapshots: SnapshotCache, runtime: Runtime) {
        self.snapshots = snapshots
        self.runtime = runtime
    }

    /// Whether at least half of a charge's limit is left after it. Closer to the limit the level is read.
    func hasRoom(for charge: Charge) -> Bool {
        guard case .upTo(let limit) = charge.limit else { return true }
        guard let level = levels.value(for: charge.bucket, at: runtime.now()) else { return false }
        return (level.used + level.held + charge.units) <= limit / 2
    }

    /// - Parameter now: when the read began.
    func set(_ level: Level, of bucket: Bucket, at now: Instant) { levels.set(level, for: bucket, at: now) }

    /// Sets the levels that a transaction leaves.
    /// - Parameter organisations: those whose buckets it has changed, also others than these.
    func set(
        _ changed: [Bucket: Level], of organisations: Set<ID<Organisation>>, after transaction: Transaction
    ) {
        guard !organisations.isEmpty else { return }
        transaction.afterCommit { [levels, snapshots, runtime] in
            let now = runtime.now()
            for (bucket, level) in changed { levels.set(level, for: bucket, at: now) }
            for organisation in organisations { snapshots.invalidate(organisation) }
        }
    }

    /// Sets the level that a transaction leaves.
    func set(_ level: Level, of bucket: Bucket, after transaction: Transaction) {
        transaction.afterCommit { [levels, snapshots, runtime] in
            levels.set(level, for: bucket, at: runtime.now())
            snapshots.invalidate(bucket.organisation)
        }
    }

    /// Drops the organisation's snapshot after a transaction that changes a bucket without setting its level here.
    func invalidateSnapshot(of organisation: ID<Organisation>, after transaction: Transaction) {
        transaction.afterCommit { [snapshots] in snapshots.invalidate(organisation) }
    }
}
