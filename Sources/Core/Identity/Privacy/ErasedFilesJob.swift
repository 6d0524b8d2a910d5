import Files
import Modules

/// Removes the files of an erased person and scrubs the deleted rows from the database file.
struct ErasedFilesJob: Job {
    static let name = "privacy.remove-erased-files"
    /// The keys of the files and folders, each as its segments.
    let keys: [[String]]

    /// The maximum number of keys in a payload, far below the maximum size of a payload.
    static let keysMax = 500
    /// The delay of the second run: a worker whose job was deleted may write files until it is notified.
    static let repetitionDelay: Duration = .hours(1)

    static func worker(database: any Database, files: FileStore) -> Worker {
        Worker(Self.self) { job, _ in
            for segments in job.keys {
                if let key = FileStore.Key(segments: segments) { try await files.remove(key) }
            }
            try await database.scrub()
            return .done
        }
    }
}
