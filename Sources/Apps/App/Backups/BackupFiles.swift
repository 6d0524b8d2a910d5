import Files
import Foundation

/// The contents of files of all backups in a folder, each once, under its SHA-256.
struct BackupFiles: Sendable {
    let folder: String

    func path(of sha256: String) -> String { "\(folder)/\(sha256.prefix(2))/\(sha256)" }

    /// - Returns: whether the content is there, by its size.
    func has(_ file: BackupManifest.File) -> Bool { DurableFile.status(of: path(of: file.sha256))?.bytes == file.bytes }

    /// Adds the content of a file of the store.
    /// - Parameters:
    ///   - source: its path relative to the root of the store.
    ///   - name: its path in the backup.
    /// - Returns: the file's entry, and whether its content is new; nil where no file has this path.
    func add(_ source: String, of store: FileStore, as name: String) throws -> (
        file: BackupManifest.File, isNew: Bool
    )? {
        try DurableFile.makeFolder(folder)
        let temporary = "\(folder)/.\(UUID().uuidString)"
        defer { unlink(temporary) }
        guard let input = try store.openFile(source) else { return nil }
        let content = try DurableFile.copy(owning: input, source, to: temporary)
        let file = BackupManifest.File(
            name: name, bytes: content.bytes, sha256: content.sha256, modified: content.modified)
        guard !has(file) else { return (file, false) }
        let target = path(of: file.sha256)
        let parent = URL(filePath: target).deletingLastPathComponent().path
        if !FileManager.default.fileExists(atPath: parent) {
            try DurableFile.makeFolder(parent)
            try DurableFile.synchronize(folder)
        }
        try DurableFile.rename(temporary, to: target)
        return (file, true)
    }

    /// Reads a content as a whole.
    /// - Returns: what is wrong with it; nil for nothing.
    func fault(of file: BackupManifest.File) throws -> String? {
        guard let content = try DurableFile.content(of: path(of: file.sha256)) else {
            return "The content of \(file.name) is missing: \(path(of: file.sha256))."
        }
        guard content.sha256 == file.sha256, content.bytes == file.bytes else {
            return "The content of \(file.name) was changed: \(path(of: file.sha256))."
        }
        return nil
    }

    /// Removes the contents that are not in a set, and what interrupted copies have left.
    func removeAll(except kept: Set<String>) throws {
        for folderName in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let path = "\(folder)/\(folderName)"
            guard !folderName.hasPrefix(".") else {
                try FileManager.default.removeItem(atPath: path)
                continue
            }
            for name in try FileManager.default.contentsOfDirectory(atPath: path) where !kept.contains(name) {
                try FileManager.default.removeItem(atPath: "\(path)/\(name)")
            }
            // Only where it is empty.
            rmdir(path)
        }
    }
}
