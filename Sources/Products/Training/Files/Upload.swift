import Identity
import Modules

/// An unfinished upload in numbered chunks. The first chunk comes first; the others come in any order and may be
/// repeated.
struct Upload: Sendable {
    let id: ID<Upload>
    let organisation: ID<Organisation>
    let session: ID<TrainingSession>
    let fileName: String
    let kind: SeriesFile.Kind
    let chunkCount: Int64

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        session = try row["session_id"]
        fileName = try row["file_name"]
        kind = try row["kind"]
        chunkCount = try row["chunk_count"]
    }

    /// The largest number of chunks of an upload.
    static let maximumChunks: Int64 = 10_000
    /// The age at which an unfinished upload is deleted.
    static let lifetime: Duration = .hours(24)
    /// How long a request has the exclusive right to assemble the file.
    static let assemblyLease: Duration = .minutes(10)
}
