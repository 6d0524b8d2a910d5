import Files
import Foundation
import Modules

/// The keys of a session's files in the file store.
struct TrainingFilePaths: Sendable {
    let store: FileStore

    func session(_ id: ID<TrainingSession>) -> FileStore.Key { FileStore.Key("training", id.text) }
    var uploads: FileStore.Key { FileStore.Key("uploads") }
    func upload(_ id: ID<Upload>) -> FileStore.Key { FileStore.Key("uploads", id.text) }
    func chunk(_ index: Int64, of id: ID<Upload>) -> FileStore.Key { FileStore.Key("uploads", id.text, String(index)) }
    /// The uploaded file, unchanged.
    func source(_ id: ID<SeriesFile>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "files", "\(id.text).csv")
    }
    /// The imported series.
    func series(_ id: ID<SeriesFile>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "files", "\(id.text).series")
    }
    /// One folder per run: a failed run does not change the results of an earlier one.
    func run(_ id: ID<Run>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "runs", id.text)
    }
    /// One folder per attempt at a run: a worker whose lease expired without its notice neither writes into nor deletes
    /// the folder of the next attempt.
    func attempt(_ number: Int64, at id: ID<Run>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "runs", id.text, String(number))
    }

    func url(_ key: FileStore.Key) -> URL { URL(filePath: store.path(of: key)) }
}
