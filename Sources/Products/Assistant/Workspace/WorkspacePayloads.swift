import Files
import Modules

/// A file or folder of a workspace.
struct WorkspaceFileView: Payload {
    var name: String
    /// Relative to the workspace.
    var path: String
    /// In bytes; 0 for a folder.
    var size: Int64
    var isDirectory: Bool
    /// Where the file system does not tell, that of the last change.
    var createdAt: Instant
    var modifiedAt: Instant
    /// Of its owner, group and others, in octal digits.
    var permissions: String

    init(_ entry: WorkspaceFolder.Entry, in folder: WorkspacePath) {
        name = entry.name
        path = (folder.names + [entry.name]).joined(separator: "/")
        isDirectory = entry.status.kind == .directory
        size = isDirectory ? 0 : entry.status.bytes
        createdAt = entry.createdAt
        modifiedAt = Instant(microseconds: entry.status.modified / 1_000)
        let octal = String(entry.status.permissions & 0o777, radix: 8)
        permissions = String(repeating: "0", count: 3 - octal.count) + octal
    }
}

struct WorkspaceFileList: Payload {
    var path: String
    var files: [WorkspaceFileView]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

struct WorkspaceFileContent: Payload {
    static let textEncoding = "utf-8"
    static let binaryEncoding = "binary"

    var path: String
    /// Text, or base64 where the encoding is `binary`.
    var content: String
    var encoding: String
    /// Of the file, in bytes.
    var size: Int64
}

struct WriteWorkspaceFile: Payload {
    var path: String
    /// Text, or base64 where the encoding is `binary`.
    var content: String
    /// `utf-8` by default.
    var encoding: String?

    static let rules: [String: Rule] = [
        "path": .length(1...WorkspacePath.bytesMax),
        "encoding": .oneOf([WorkspaceFileContent.textEncoding, WorkspaceFileContent.binaryEncoding]),
    ]
}

struct CreateWorkspaceFolder: Payload {
    var path: String

    static let rules: [String: Rule] = ["path": .length(1...WorkspacePath.bytesMax)]
}

struct MoveWorkspaceFile: Payload {
    var source: String
    var destination: String

    static let rules: [String: Rule] = [
        "source": .length(1...WorkspacePath.bytesMax), "destination": .length(1...WorkspacePath.bytesMax),
    ]
}

struct WorkspaceChanged: Payload {
    var message: String
    var path: String
}

struct WorkspaceFileWritten: Payload {
    var message: String
    var path: String
    var size: Int64
}

struct WorkspaceFileUploaded: Payload {
    var message: String
    var filename: String
    var path: String
    var size: Int64
}
