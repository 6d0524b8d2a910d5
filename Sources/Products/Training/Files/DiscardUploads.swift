import Files
import Foundation
import Modules

/// Throws away uploads that nobody finished.
struct DiscardUploads: Job {
    static let name = "training.discard-uploads"
}

extension UploadService {
    var worker: Worker {
        Worker(DiscardUploads.self) { _, context in
            let stale = try await database.write { transaction in
                let stale = try transaction.staleUploads(limit: 200)
                for upload in stale { try transaction.delete(upload) }
                return stale
            }
            for upload in stale { try await places.store.remove(places.upload(upload.id)) }
            try await discardStrays(context)
            return .done
        }
    }

    /// Removes what requests that were cut off by the end of their process left behind: files that no row tells of, and that are old enough
    /// to belong to no request that still runs.
    private func discardStrays(_ context: JobContext) async throws {
        let folder = places.store.path(of: places.uploads)
        let names = try await compute.run { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
        for name in names {
            guard let id = ID<Upload>(name), let begun = id.madeAt, begun < runtime.now() - Upload.lifetime else {
                continue
            }
            try context.checkCancellation()
            if try await database.read({ try !$0.hasUpload(id) }) { try await places.store.remove(places.upload(id)) }
        }
    }

    var schedule: Schedule {
        Schedule(id: DiscardUploads.name, .every(.hours(1))) { _, queue, transaction in
            try queue.enqueue(DiscardUploads(), JobOptions(uniqueKey: DiscardUploads.name), in: transaction)
        }
    }
}

extension ID {
    /// When it was made: a UUIDv7 begins with 48 bits of milliseconds since 1970 (RFC 9562, section 5.7).
    fileprivate var madeAt: Instant? {
        Int64(text.prefix(13).filter { $0 != "-" }, radix: 16).map { Instant(microseconds: $0 * 1_000) }
    }
}
