import Identity
import Modules

/// A file on its way in, in numbered chunks that may come in any order after the first, and more than once.
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

    /// More chunks than this are refused.
    static let maximumChunks: Int64 = 10_000
    /// An upload that nobody finished is thrown away after this long.
    static let lifetime: Duration = .hours(24)
    /// How long putting a file together may take before another request may try.
    static let assemblyLease: Duration = .minutes(10)
}
