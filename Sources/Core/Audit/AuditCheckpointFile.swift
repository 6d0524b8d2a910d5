import Foundation
import Modules

/// The newest signed checkpoint in a file outside of the database, such as in the data folder.
///
/// A writer to the database can remove the newest checkpoints with their rows and counts; the file reveals it. It holds
/// a signed checkpoint, so that it cannot be made to fit without the installation's key.
struct AuditCheckpointFile: Sendable {
    let path: String

    /// - Returns: nil where no checkpoint has been kept.
    /// - Throws: `invalid-request` for a file that holds no checkpoint; an error of the file system.
    func read() throws -> AuditCheckpoint? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try AuditCheckpoint(json: String(contentsOfFile: path, encoding: .utf8))
    }

    /// Replaces the file, with mode 600.
    func replace(with checkpoint: AuditCheckpoint) throws {
        try Data((checkpoint.json + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
