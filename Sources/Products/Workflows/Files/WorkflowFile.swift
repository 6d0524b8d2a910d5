import Files
import Identity
import Modules

/// A file in the folder of a submitted workflow, which the workflows within it share.
///
/// On disk it is stored under the hash of its content, never under its path: a path of a user names a row alone.
struct WorkflowFile: Sendable {
    let root: ID<Workflow>
    let path: WorkflowPath
    let bytes: Int64
    /// SHA-256 of the content, in hexadecimal.
    let sha256: String
    let createdAt: Instant

    /// Of one file, and of all files of a folder, in bytes.
    static let bytesMax: Int64 = 1 << 20
    static let folderBytesMax: Int64 = 16 << 20
    static let folderFilesMax: Int64 = 100
    /// Of a folder with the contents that were replaced, or not accepted in the end.
    static let storedBytesMax = 8 * folderBytesMax
    /// Of all files of an organisation.
    static let organisationBytesMax: Int64 = 1 << 30

    init(row: Row) throws {
        root = try row["root_id"]
        path = WorkflowPath(trusted: try row["path"])
        bytes = try row["bytes"]
        sha256 = try row["sha256"]
        createdAt = try row["created_at"]
    }

    var key: FileStore.Key { Self.key(of: sha256, in: root) }

    static func folder(of root: ID<Workflow>) -> FileStore.Key { FileStore.Key("workflows", root.text) }

    static func key(of sha256: String, in root: ID<Workflow>) -> FileStore.Key {
        FileStore.Key("workflows", root.text, sha256)
    }
}
