import Entitlements
import Identity
import Modules
import Synchronization

/// The bytes of files that this process is receiving or previewing, by organisation: they occupy the disk before, or
/// without, being counted as storage.
///
/// Together they are at most what is left of the organisation's storage. One file of the plan's size is always
/// received, because it may repeat or replace an earlier one: it is counted, or refused, once it has arrived.
final class UploadsInFlight: Sendable {
    private let storage: StorageQuotaService
    private let allocated = Mutex<[ID<Organisation>: Int64]>([:])

    init(storage: StorageQuotaService) { self.storage = storage }

    /// Takes space for a file of at most `bytes`, until ``Allocation/release()``.
    /// - Throws: `storage-exceeded` where the other files in flight leave less.
    func allocate(_ bytes: Int64, of snapshot: EntitlementSnapshot) throws(Problem) -> Allocation {
        // The snapshot was read before: a file that is counted in it has released its allocation.
        let most = max(storage.left(of: snapshot), snapshot.plan.fileBytes.bound)
        let organisation = snapshot.organisation
        let others = allocated.withLock { allocated -> Int64? in
            let others = allocated[organisation] ?? 0
            guard bytes <= most - others else { return others }
            allocated[organisation] = others + bytes
            return nil
        }
        if let others { throw storage.refusal(of: bytes, beside: others, of: snapshot) }
        return Allocation(bytes: bytes, organisation: organisation, uploads: self)
    }

    private func remove(_ bytes: Int64, of organisation: ID<Organisation>) {
        allocated.withLock { allocated in
            let rest = (allocated[organisation] ?? 0) - bytes
            allocated[organisation] = rest > 0 ? rest : nil
        }
    }

    /// The space of one file.
    final class Allocation: Sendable {
        private let bytes: Int64
        private let organisation: ID<Organisation>
        private let uploads: UploadsInFlight
        private let isReleased = Mutex(false)

        fileprivate init(bytes: Int64, organisation: ID<Organisation>, uploads: UploadsInFlight) {
            self.bytes = bytes
            self.organisation = organisation
            self.uploads = uploads
        }

        /// Once the file is removed, or right before its bytes are counted. Further calls have no effect.
        func release() {
            let isFirst = isReleased.withLock { isReleased in
                defer { isReleased = true }
                return !isReleased
            }
            if isFirst { uploads.remove(bytes, of: organisation) }
        }
    }
}
