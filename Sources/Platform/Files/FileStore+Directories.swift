import Foundation

/// Folders of the store whose files users name. They are changed by handles of their directories, never by their paths;
/// what is removed or replaced while a backup reads the store is in the backup. All methods block.
extension FileStore {
    /// A handle of the folder `key`, which exists (``folder(_:)``).
    package func directory(_ key: Key) throws -> DirectoryHandle { try DirectoryHandle(path(of: key)) }

    /// Opens a file for reading.
    /// - Parameter name: its path relative to the root, as of ``everyFile()`` and ``files(under:)``.
    /// - Returns: a descriptor, which the caller closes; nil where there is no such file, and for what is no regular
    ///   file. A tool may have put a link in its place, or in that of one of its folders, since it was listed.
    package func openFile(_ name: String) throws -> Int32? {
        let descriptor: Int32
        do {
            let root = try DirectoryHandle(root)
            descriptor = try root.open(name.split(separator: "/").map(String.init), O_RDONLY | O_NONBLOCK)
        } catch let failure as Failure where [ENOENT, ENOTDIR, ELOOP, ENXIO].contains(failure.code) { return nil }
        guard try DirectoryHandle.Status(of: descriptor).kind == .file else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Runs `change`, which removes, moves or replaces a file.
    /// - Parameters:
    ///   - name: in `directory`.
    ///   - path: of the file, relative to the root.
    package func change<Result>(
        _ name: String, in directory: DirectoryHandle, at path: String, _ change: () throws -> Result
    ) throws -> Result {
        try retention.change(name, in: directory, at: path, change)
    }

    /// Moves a folder out of its directory. It is then to be removed at `target`, unless a backup keeps it.
    /// - Parameters:
    ///   - path: of the folder, relative to the root.
    ///   - target: of work in progress; its folder exists.
    package func remove(_ name: String, in directory: DirectoryHandle, at path: String, to target: Key) throws {
        try retention.remove(name, in: directory, at: path, to: self.path(of: target))
    }

    /// Runs a change of many files at once, such as the move of a folder.
    /// - Throws: ``IsBackedUp`` while a backup reads the store: it might find the files in neither place.
    package func withoutBackup<Result>(_ body: () throws -> Result) throws -> Result {
        try retention.withoutBackup(body)
    }
}
