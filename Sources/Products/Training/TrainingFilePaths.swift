import Files
import Foundation
import Modules

/// Where a session's files lie in the file store.
struct TrainingFilePaths: Sendable {
    let store: FileStore

    func session(_ id: ID<TrainingSession>) -> FileStore.Key { FileStore.Key("training", id.text) }
    var uploads: FileStore.Key { FileStore.Key("uploads") }
    func upload(_ id: ID<Upload>) -> FileStore.Key { FileStore.Key("uploads", id.text) }
    func chunk(_ index: Int64, of id: ID<Upload>) -> FileStore.Key { FileStore.Key("uploads", id.text, String(index)) }
    /// The file as it was sent.
    func source(_ id: ID<SeriesFile>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "files", "\(id.text).csv")
    }
    /// What import made of it.
    func series(_ id: ID<SeriesFile>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "files", "\(id.text).series")
    }
    /// A run writes into a folder of its own, so that a run that fails leaves the results of an earlier one as they were.
    func run(_ id: ID<Run>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "runs", id.text)
    }
    /// And each attempt at it into one of its own: a worker that lost its job and has not heard of it must not write into, nor clear away,
    /// what its successor makes.
    func attempt(_ number: Int64, at id: ID<Run>, of session: ID<TrainingSession>) -> FileStore.Key {
        FileStore.Key("training", session.text, "runs", id.text, String(number))
    }

    func url(_ key: FileStore.Key) -> URL { URL(filePath: store.path(of: key)) }
}
