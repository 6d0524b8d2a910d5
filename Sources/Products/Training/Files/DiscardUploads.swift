import Files
import Modules

/// Throws away uploads that nobody finished.
struct DiscardUploads: Job {
    static let name = "training.discard-uploads"
}

extension Uploads {
    var worker: Worker {
        Worker(DiscardUploads.self) { _, _ in
            let stale = try await database.write { transaction in
                let stale = try transaction.staleUploads(limit: 200)
                for upload in stale { try transaction.delete(upload) }
                return stale
            }
            for upload in stale { try await places.store.remove(places.upload(upload.id)) }
            return .done
        }
    }

    var schedule: Schedule {
        Schedule(id: DiscardUploads.name, .every(.hours(1))) { _, queue, transaction in
            try queue.enqueue(DiscardUploads(), JobOptions(uniqueKey: DiscardUploads.name), in: transaction)
        }
    }
}
