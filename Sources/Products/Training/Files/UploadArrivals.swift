import Entitlements
import Identity
import Modules
import Synchronization

/// The bytes of files that this process is receiving or previewing, by organisation: they occupy the disk before, or
/// without, being counted as storage.
///
/// Together they are at most what is left of the organisation's storage. One file of the plan's size is always
/// received, because it may repeat or replace an earlier one: it is counted, or refused, once it has arrived.
final class UploadArrivals: Sendable {
    private let storage: StorageQuotaService
    private let arriving = Mutex<[ID<Organisation>: Int64]>([:])

    init(storage: StorageQuotaService) { self.storage = storage }

    /// Takes space for a file of at most `bytes`, until ``Place/release()``.
    /// - Throws: `storage-exceeded` where the other files on their way leave less.
    func place(for bytes: Int64, of snapshot: EntitlementSnapshot) throws(Problem) -> Place {
        // The snapshot was read before: a file that is counted in it has released its place.
        let most = max(storage.left(of: snapshot), snapshot.plan.fileBytes.bound)
        let organisation = snapshot.organisation
        let others = arriving.withLock { arriving -> Int64? in
            let others = arriving[organisation] ?? 0
            guard bytes <= most - others else { return others }
            arriving[organisation] = others + bytes
            return nil
        }
        if let others { throw storage.refusal(of: bytes, beside: others, of: snapshot) }
        return Place(bytes: bytes, organisation: organisation, arrivals: self)
    }

    private func remove(_ bytes: Int64, of organisation: ID<Organisation>) {
        arriving.withLock { arriving in
            let rest = (arriving[organisation] ?? 0) - bytes
            arriving[organisation] = rest > 0 ? rest : nil
        }
    }

    /// The space of one file.
    final class Place: Sendable {
        private let bytes: Int64
        private let organisation: ID<Organisation>
        private let arrivals: UploadArrivals
        private let isReleased = Mutex(false)

        fileprivate init(bytes: Int64, organisation: ID<Organisation>, arrivals: UploadArrivals) {
            self.bytes = bytes
            self.organisation = organisation
            self.arrivals = arrivals
        }

        /// Once the file is removed, or right before its bytes are counted. Further calls have no effect.
        func release() {
            let isFirst = isReleased.withLock { isReleased in
                defer { isReleased = true }
                return !isReleased
            }
            if isFirst { arrivals.remove(bytes, of: organisation) }
        }
    }
}
