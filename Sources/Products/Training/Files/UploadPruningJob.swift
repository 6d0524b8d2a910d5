import Entitlements
import Files
import Foundation
import Modules

/// Deletes uploads that are older than ``Upload/lifetime``.
struct UploadPruningJob: Job {
    static let name = "training.prune-uploads"
}

/// The worker and the hourly schedule of ``UploadPruningJob``.
final class UploadPruningWorker: Sendable {
    let database: any Database
    let storage: StorageQuotaService
    let filePaths: TrainingFilePaths
    let compute: BlockingPool
    let runtime: Runtime

    /// The largest number of uploads deleted by one run of the job.
    private static let batch = 200

    init(
        database: any Database, storage: StorageQuotaService, filePaths: TrainingFilePaths, compute: BlockingPool,
        runtime: Runtime
    ) {
        self.database = database
        self.storage = storage
        self.filePaths = filePaths
        self.compute = compute
        self.runtime = runtime
    }

    var worker: Worker {
        Worker(UploadPruningJob.self) { [self] _, context in
            let stale = try await database.read { try $0.staleUploads(limit: Self.batch) }
            for upload in stale {
                try context.checkCancellation()
                // One transaction each: uploads of many organisations would lock their storage in any order.
                try await database.write { [storage] transaction in
                    let bytes = try transaction.delete(upload)
                    try storage.release(bytes: bytes, of: upload.organisation, in: transaction)
                }
                try await filePaths.store.remove(filePaths.upload(upload.id))
            }
            try await removeOrphans(context)
            return .done
        }
    }

    var schedule: Schedule {
        Schedule(id: UploadPruningJob.name, .every(.hours(1))) { _, queue, transaction in
            try queue.enqueue(UploadPruningJob(), JobOptions(uniqueKey: UploadPruningJob.name), in: transaction)
        }
    }

    /// Removes files without an upload row, which a process that was killed during a request leaves behind. Younger
    /// ones than ``Upload/lifetime`` may belong to a running request.
    private func removeOrphans(_ context: JobContext) async throws {
        let folder = filePaths.store.path(of: filePaths.uploads)
        let names = try await compute.run { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
        for name in names {
            guard let id = ID<Upload>(name), let created = id.createdAt, created < runtime.now() - Upload.lifetime
            else { continue }
            try context.checkCancellation()
            if try await database.read({ try !$0.hasUpload(id) }) {
                try await filePaths.store.remove(filePaths.upload(id))
            }
        }
    }
}

extension ID {
    /// The timestamp of a UUIDv7: its first 48 bits are milliseconds since 1970 (RFC 9562, section 5.7).
    fileprivate var createdAt: Instant? {
        Int64(text.prefix(13).filter { $0 != "-" }, radix: 16).map { Instant(microseconds: $0 * 1_000) }
    }
}
