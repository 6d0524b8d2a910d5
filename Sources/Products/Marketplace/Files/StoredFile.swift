import Files
import Identity
import Modules

/// A file that an organisation has uploaded. A public one is read by its address; a private one by a signed address
/// that ends.
struct StoredFile: Sendable {
    let id: ID<StoredFile>
    let organisation: ID<Organisation>
    let name: String
    let mediaType: String
    let bytes: Int64
    let isPrivate: Bool
    let createdAt: Instant

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        name = try row["name"]
        mediaType = try row["media_type"]
        bytes = try row["bytes"]
        isPrivate = try row["is_private"]
        createdAt = try row["created_at"]
    }

    /// Bytes of one file, and of all files of an organisation.
    static let bytesMax = 10 << 20
    static let organisationBytesMax: Int64 = 1 << 30
    /// Media types that browsers do not run.
    static let mediaTypes: Set = [
        "image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf", "text/plain", "text/csv",
        "application/json",
    ]

    static func key(_ id: ID<StoredFile>) -> FileStore.Key { FileStore.Key("marketplace", id.text) }

    /// The path of its address.
    var path: String { Self.pathPrefix + id.text }
    static let pathPrefix = "/v1/marketplace/files/"
}
