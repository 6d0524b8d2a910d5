import Identity
import Modules
import Synchronization

/// Snapshots in memory, for requests that take nothing. What this node writes is seen at once; what other nodes write,
/// after ``lifetime`` at the latest.
final class SnapshotCache: Sendable {
    static let lifetime: Duration = .seconds(1)

    /// Counts the changes of some of the organisations: a snapshot that was read before a change is not kept after it.
    private final class Changes: Sendable {
        let count = Mutex<UInt64>(0)
    }

    private let changes = (0..<256).map { _ in Changes() }
    /// A snapshot has an entry for each meter: at most 8,192 of them are kept.
    private let snapshots = TTLCache<ID<Organisation>, EntitlementSnapshot>(lifetime: lifetime, capacity: 256)

    /// - Returns: nil where the caller has to read it, and to ``set(_:at:after:)`` it.
    func value(for organisation: ID<Organisation>, at now: Instant) -> EntitlementSnapshot? {
        snapshots.value(for: organisation, at: now)
    }

    /// To be asked for before a snapshot is read.
    func changeCount(of organisation: ID<Organisation>) -> UInt64 { changes(of: organisation).count.withLock { $0 } }

    /// Keeps a snapshot, unless this node has changed what it shows since the read began.
    /// - Parameters:
    ///   - now: when the read began.
    ///   - changeCount: as it was then.
    func set(_ snapshot: EntitlementSnapshot, at now: Instant, after changeCount: UInt64) {
        let organisation = snapshot.organisation
        changes(of: organisation).count.withLock { count in
            guard count == changeCount else { return }
            snapshots.set(snapshot, for: organisation, at: now)
        }
    }

    /// Drops the snapshot of an organisation, after a change that this node made.
    func invalidate(_ organisation: ID<Organisation>) {
        changes(of: organisation).count.withLock { count in
            count += 1
            snapshots.invalidate(organisation)
        }
    }

    private func changes(of organisation: ID<Organisation>) -> Changes { changes[organisation.hashValue & 255] }
}
